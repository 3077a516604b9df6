/* worker HOST PORT PREFIX: works for the functions that ../README.md lists, until it is stopped. */
#include <libgearman/gearman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The payload as a string of its own, to be freed. */
static char *text_of(gearman_job_st *job) {
    return strndup(gearman_job_workload(job), gearman_job_workload_size(job));
}

static gearman_return_t complete(gearman_job_st *job, const char *result) {
    return gearman_job_send_complete(job, result, strlen(result));
}

static gearman_return_t reverse(gearman_job_st *job, void *context) {
    (void)context;
    size_t size = gearman_job_workload_size(job);
    const char *payload = gearman_job_workload(job);
    char *result = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        result[i] = payload[size - 1 - i];
    gearman_return_t sent = gearman_job_send_complete(job, result, size);
    free(result);
    return sent;
}

static gearman_return_t unique(gearman_job_st *job, void *context) {
    (void)context;
    return complete(job, gearman_job_unique(job));
}

static gearman_return_t nothing(gearman_job_st *job, void *context) {
    (void)context;
    return complete(job, "");
}

static gearman_return_t fail(gearman_job_st *job, void *context) {
    (void)context;
    return gearman_job_send_fail(job);
}

static gearman_return_t throw(gearman_job_st *job, void *context) {
    (void)context;
    return gearman_job_send_exception(job, "no ink", strlen("no ink"));
}

static gearman_return_t report(gearman_job_st *job, void *context) {
    (void)context;
    gearman_job_send_status(job, 1, 2);
    gearman_job_send_warning(job, "careful", strlen("careful"));
    gearman_job_send_data(job, "first", strlen("first"));
    return complete(job, "last");
}

static gearman_return_t note(gearman_job_st *job, void *context) {
    (void)context;
    char *name = text_of(job);
    char *text = strchr(name, '\n');
    *text++ = '\0';
    FILE *file = fopen(name, "a");
    fprintf(file, "%s\n", text);
    fclose(file);
    free(name);
    return complete(job, "");
}

static gearman_return_t slow(gearman_job_st *job, void *context) {
    (void)context;
    char *gate = text_of(job);
    gearman_job_send_status(job, 3, 4);
    while (access(gate, F_OK))
        usleep(5000);
    free(gate);
    return complete(job, "done");
}

static const struct {
    const char *name;
    gearman_function_fn *function;
    uint32_t timeout; /* in milliseconds; 0 is none */
} functions[] = {
    {"reverse", reverse, 0}, {"unique", unique, 0}, {"nothing", nothing, 0}, {"fail", fail, 0},
    {"throw", throw, 0},     {"report", report, 0}, {"note", note, 0},       {"slow", slow, 0},
    {"brief", slow, 1000},
};

int main(int argc, char **argv) {
    char name[256];
    gearman_worker_st *worker = gearman_worker_create(NULL);
    if (argc != 4 || gearman_failed(gearman_worker_add_server(worker, argv[1], (in_port_t)atoi(argv[2]))))
        return 2;
    snprintf(name, sizeof(name), "interop-%s", argv[3]);
    gearman_worker_set_identifier(worker, name, strlen(name));
    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
        size_t size = (size_t)snprintf(name, sizeof(name), "%s.%s", argv[3], functions[i].name);
        gearman_function_t function = gearman_function_create(functions[i].function);
        gearman_worker_define_function(worker, name, size, function, functions[i].timeout, NULL);
    }
    /* One job a turn; a job that failed is no reason to stop. */
    for (;;) {
        gearman_return_t outcome = gearman_worker_work(worker);
        if (outcome != GEARMAN_SUCCESS && outcome != GEARMAN_WORK_FAIL && outcome != GEARMAN_WORK_EXCEPTION) {
            fprintf(stderr, "stopped: %s\n", gearman_worker_error(worker));
            return 1;
        }
    }
}
