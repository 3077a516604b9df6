"""`--worker-wakeup` in random histories: no job waits while all workers that could do it sleep."""

from __future__ import annotations

from random import Random

import pytest

from .conversation import Speaker, Talk

FUNCTIONS = ("f", "g", "h")
SUBMITS = ("SUBMIT_JOB_BG", "SUBMIT_JOB_HIGH_BG", "SUBMIT_JOB_LOW_BG")
GRABS = ("GRAB_JOB", "GRAB_JOB_UNIQ", "GRAB_JOB_ALL")


class Worker:
    """A worker as its server knows it: what it can do, what it runs, and whether it sleeps."""

    def __init__(self, talk: Talk, random: Random) -> None:
        self.speaker: Speaker = talk.connect()
        self.random = random
        self.functions: set[str] = set()
        self.running: list[str] = []
        self.asleep = False
        for function in random.sample(FUNCTIONS, random.randint(1, 3)):
            self.can_do(function)
        self.sleep()

    def can_do(self, function: str) -> None:
        self.functions.add(function)
        self.speaker.say(*random_ability(self.random, function))

    def cant_do(self, function: str) -> None:
        self.functions.discard(function)
        self.speaker.say("CANT_DO", function)

    def reset(self) -> None:
        self.functions.clear()
        self.speaker.say("RESET_ABILITIES")

    def sleep(self) -> None:
        self.asleep = True
        self.speaker.say("PRE_SLEEP")

    def listen(self) -> None:
        """Wake up where the server says so."""
        if ("NOOP",) in self.speaker.heard():
            self.asleep = False

    def grab(self) -> bool:
        self.listen()
        self.asleep = False
        (reply,) = self.speaker.ask(self.random.choice(GRABS))
        if reply[0] == "NO_JOB":
            return False
        self.running.append(reply[1])
        return True

    def finish(self) -> None:
        while self.running:
            self.speaker.say("WORK_COMPLETE", self.running.pop(), "")

    def work(self) -> bool:
        """What a good worker does when it is awake; return whether it was."""
        self.listen()
        if self.asleep:
            return False
        self.finish()
        while self.grab():
            self.finish()
        self.sleep()
        return True


def random_ability(random: Random, function: str) -> tuple[str, ...]:
    return random.choice([("CAN_DO", function), ("CAN_DO_TIMEOUT", function, "60000")])


def step(talk: Talk, client: Speaker, workers: list[Worker], random: Random) -> None:
    """Do one thing that a client, a worker or an administrator may do at any time."""
    if random.random() < 0.2:
        client.submit(random.choice(SUBMITS), random.choice(FUNCTIONS))
        return
    if not workers or random.random() < 0.1:
        workers.append(Worker(talk, random))
        return
    worker = random.choice(workers)
    worker.listen()
    match random.randrange(9):
        case 0:
            workers.remove(worker)
            worker.speaker.leave()
        case 1:
            worker.cant_do(random.choice(FUNCTIONS))
        case 2:
            worker.can_do(random.choice(FUNCTIONS))
        case 3:
            worker.reset()
        case 4:
            worker.finish()
        case 5:
            for handle in worker.running:
                client.line(f"cancel job {handle}")
        case 6 if not worker.asleep:
            worker.grab()
        case _:
            worker.sleep()


def waiting(client: Speaker) -> set[str]:
    lines = [line.split("\t") for line in client.line("status").splitlines()[:-1]]
    return {name for name, total, running, _ in lines if int(total) > int(running)}


def stuck(client: Speaker, workers: list[Worker]) -> set[str]:
    """Functions whose jobs wait, and whose workers all sleep."""
    for worker in workers:
        worker.listen()
    asleep = set().union(*(worker.functions for worker in workers if worker.asleep))
    awake = set().union(*(worker.functions for worker in workers if not worker.asleep))
    return waiting(client) & (asleep - awake)


@pytest.mark.parametrize("wakeup", [1, 2])
@pytest.mark.parametrize("seed", range(100))
def test_no_job_waits_while_all_who_could_do_it_sleep(wakeup: int, seed: int) -> None:
    random = Random(seed)
    talk = Talk(worker_wakeup=wakeup)
    client = talk.connect()
    workers = [Worker(talk, random) for _ in range(4)]
    for _ in range(random.randint(10, 80)):
        step(talk, client, workers, random)
        assert not stuck(client, workers)
    while sum(worker.work() for worker in workers):
        pass
    able = set().union(*(worker.functions for worker in workers))
    assert not waiting(client) & able
