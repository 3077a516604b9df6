/* client HOST PORT do|background FUNCTION PRIORITY UNIQUE_KEY, or HOST PORT status HANDLE: see ../README.md. */
#include <libgearman/gearman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;

static int lost(const char *why) {
    fprintf(stderr, "lost: %s\n", why);
    return 1;
}

static gearman_return_t on_data(gearman_task_st *task) {
    fprintf(stderr, "data %.*s\n", (int)gearman_task_data_size(task), (const char *)gearman_task_data(task));
    return GEARMAN_SUCCESS;
}

static gearman_return_t on_warning(gearman_task_st *task) {
    fprintf(stderr, "warning %.*s\n", (int)gearman_task_data_size(task), (const char *)gearman_task_data(task));
    return GEARMAN_SUCCESS;
}

static gearman_return_t on_status(gearman_task_st *task) {
    fprintf(stderr, "status %u/%u\n", gearman_task_numerator(task), gearman_task_denominator(task));
    return GEARMAN_SUCCESS;
}

static gearman_return_t on_complete(gearman_task_st *task) {
    fwrite(gearman_task_data(task), 1, gearman_task_data_size(task), stdout);
    return GEARMAN_SUCCESS;
}

static gearman_return_t on_exception(gearman_task_st *task) {
    failed = 1;
    fprintf(stderr, "exception %.*s\n", (int)gearman_task_data_size(task), (const char *)gearman_task_data(task));
    return GEARMAN_SUCCESS;
}

static gearman_return_t on_fail(gearman_task_st *task) {
    (void)task;
    failed = 1;
    fprintf(stderr, "failed\n");
    return GEARMAN_SUCCESS;
}

static int status(gearman_client_st *client, const char *stored) {
    gearman_job_handle_t handle = "";
    bool known, running;
    uint32_t numerator, denominator;
    strncpy(handle, stored, sizeof(handle) - 1);
    if (gearman_failed(gearman_client_job_status(client, handle, &known, &running, &numerator, &denominator)))
        return lost(gearman_client_error(client));
    printf("%d %d %u %u\n", known, running, numerator, denominator);
    return 0;
}

static int background(gearman_client_st *client, char **words, const void *payload, size_t size) {
    gearman_job_handle_t handle;
    const char *unique = words[2][0] ? words[2] : NULL;
    gearman_return_t outcome =
        !strcmp(words[1], "high") ? gearman_client_do_high_background(client, words[0], unique, payload, size, handle)
        : !strcmp(words[1], "low") ? gearman_client_do_low_background(client, words[0], unique, payload, size, handle)
                                   : gearman_client_do_background(client, words[0], unique, payload, size, handle);
    if (gearman_failed(outcome))
        return lost(gearman_client_error(client));
    puts(handle);
    return 0;
}

static int foreground(gearman_client_st *client, char **words, const void *payload, size_t size) {
    gearman_return_t outcome;
    const char *unique = words[2][0] ? words[2] : NULL;
    gearman_client_set_data_fn(client, on_data);
    gearman_client_set_warning_fn(client, on_warning);
    gearman_client_set_status_fn(client, on_status);
    gearman_client_set_complete_fn(client, on_complete);
    gearman_client_set_exception_fn(client, on_exception);
    gearman_client_set_fail_fn(client, on_fail);
    if (!strcmp(words[1], "high"))
        gearman_client_add_task_high(client, NULL, NULL, words[0], unique, payload, size, &outcome);
    else if (!strcmp(words[1], "low"))
        gearman_client_add_task_low(client, NULL, NULL, words[0], unique, payload, size, &outcome);
    else
        gearman_client_add_task(client, NULL, NULL, words[0], unique, payload, size, &outcome);
    if (gearman_success(outcome))
        outcome = gearman_client_run_tasks(client);
    if (gearman_failed(outcome) && !failed)
        return lost(gearman_client_error(client));
    return failed;
}

int main(int argc, char **argv) {
    static char payload[1 << 24];
    gearman_client_st *client = gearman_client_create(NULL);
    if (argc < 5 || gearman_failed(gearman_client_add_server(client, argv[1], (in_port_t)atoi(argv[2]))))
        return lost("wrong usage");
    int ended;
    if (!strcmp(argv[3], "status")) {
        ended = status(client, argv[4]);
    } else {
        size_t size = fread(payload, 1, sizeof(payload), stdin);
        gearman_client_set_server_option(client, "exceptions", strlen("exceptions"));
        ended = (!strcmp(argv[3], "background") ? background : foreground)(client, argv + 4, payload, size);
    }
    gearman_client_free(client);
    return ended;
}
