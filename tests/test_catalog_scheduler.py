# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of tasks on a cluster, with tasks that raise, die, or take their worker down.

They do not load TensorFlow: what is measured does not matter to a scheduler."""

import errno
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from astro_cnnfit.catalog.cluster import check_client, connected
from astro_cnnfit.catalog.dispatch import on_cluster
from astro_cnnfit.catalog.scheduler import Failure, RunStopped, run_tasks

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    """A cluster of two workers; what is sent to it is of this module."""
    import cloudpickle

    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    with connected(workers=2) as client:
        yield client
    cloudpickle.unregister_pickle_by_value(module)


def work(task, folder="", *_):
    """Do what the task's name says; count how often it was begun."""
    kind, number = task
    counter = Path(folder) / f"{kind}{number}"
    with counter.open("a") as file:
        file.write("x")
    first = counter.stat().st_size == 1
    if kind == "raises" or (kind == "raises once" and first):
        raise FileNotFoundError(errno.ENOENT, "no such tile", f"{number}.fits")
    if kind == "full disk":
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise RuntimeError("cannot write") from error
    if kind == "exits":
        os._exit(3)
    if kind == "killed once" and first:
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "leaves":
        sys.exit("leaving")
    time.sleep(0.05)
    return number * 2


def begun(folder, task):
    return (folder / f"{task[0]}{task[1]}").stat().st_size


class TestHere:
    def test_results_come_with_their_tasks(self, tmp_path):
        tasks = [("good", i) for i in range(3)]
        assert list(run_tasks(work, tasks, arguments=(tmp_path,))) == [
            (task, 2 * task[1]) for task in tasks
        ]

    def test_what_raises_is_tried_again_after_the_others(self, tmp_path):
        tasks = [("raises once", 1), ("raises", 2), ("leaves", 3), ("good", 4)]
        ends = list(run_tasks(work, tasks, arguments=(tmp_path,), retries=1))
        assert [task for task, _ in ends] == [tasks[3], *tasks[:3]]
        ends = dict(ends)
        assert ends["raises once", 1] == 2
        assert ends["raises", 2] == Failure(
            "FileNotFoundError: [Errno 2] no such tile: '2.fits'", 2
        )
        assert ends["leaves", 3] == Failure("SystemExit: leaving", 2)

    def test_full_disk_ends_the_run(self, tmp_path):
        tasks = [("good", 1), ("full disk", 2), ("good", 3)]
        ends = run_tasks(work, tasks, arguments=(tmp_path,))
        assert next(ends) == (tasks[0], 2)
        with pytest.raises(RunStopped, match="no space left on the disk"):
            next(ends)
        assert not (tmp_path / "good3").exists()

    def test_interrupt_is_not_a_failure(self):
        def interrupt(task):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            list(run_tasks(interrupt, [1]))


class TestOnCluster:
    def test_innocents_are_measured_whatever_happens_beside_them(
        self, client, tmp_path
    ):
        tasks = [("good", i) for i in range(24)]
        tasks[2], tasks[5] = ("raises", 2), ("raises once", 5)
        tasks[9], tasks[13] = ("exits", 9), ("killed once", 13)
        ends = list(run_tasks(work, tasks, client, arguments=(tmp_path,), retries=1))
        assert Counter(task for task, _ in ends) == Counter(tasks)
        failed = {t: end for t, end in ends if isinstance(end, Failure)}
        assert set(failed) == {("raises", 2), ("exits", 9)}
        assert failed["raises", 2].reason.startswith("FileNotFoundError")
        assert failed["exits", 9].reason.startswith("its worker died")
        assert failed["exits", 9].attempts == 2 == begun(tmp_path, ("exits", 9))
        assert all(end == 2 * t[1] for t, end in ends if t not in failed)

    def test_few_tasks_are_taken_at_a_time(self, client, tmp_path):
        taken = []

        def tasks():
            for i in range(20):
                taken.append(i)
                yield "good", i

        ended = 0
        for _ in run_tasks(work, tasks(), client, arguments=(tmp_path,), in_flight=3):
            ended += 1
            assert len(taken) <= ended + 3
        assert ended == 20

    def test_full_disk_ends_the_run(self, client, tmp_path):
        tasks = [("full disk", 0), *(("good", i) for i in range(50))]
        with pytest.raises(RunStopped, match="no space left on the disk"):
            list(run_tasks(work, tasks, client, arguments=(tmp_path,)))
        assert len(list(tmp_path.glob("good*"))) < 50

    def test_run_that_is_given_up_takes_its_tasks_back(self, client, tmp_path):
        tasks = [("good", i) for i in range(60)]
        ends = run_tasks(work, tasks, client, arguments=(tmp_path,), in_flight=40)
        next(ends)
        ends.close()
        assert list(run_tasks(work, [("good", 99)], client, arguments=(tmp_path,)))
        time.sleep(0.3)
        assert len(list(tmp_path.iterdir())) < 35

    def test_workers_have_one_thread_and_were_not_forked(self, client):
        def look(task):
            import psutil

            names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
            command = " ".join(psutil.Process().cmdline())
            return command, [os.environ[name] for name in names]

        ((_, (command, threads)),) = run_tasks(look, [0], client)
        assert threads == ["1", "1"]
        assert "spawn_main" in command

    def test_lost_scheduler_is_told(self, tmp_path):
        cluster = distributed.LocalCluster(
            n_workers=1, processes=False, dashboard_address=":0", silence_logs=50
        )
        with (
            cluster,
            distributed.Client(
                cluster.scheduler_address, timeout="1s", set_as_default=False
            ) as client,
        ):
            tasks = [("good", i) for i in range(50)]
            ends = run_tasks(work, tasks, client, arguments=(tmp_path,))
            next(ends)
            cluster.close()
            with pytest.raises(RunStopped, match=r"scheduler at .* is lost"):
                list(ends)

    def test_task_that_was_cancelled_by_others_is_done(self, client, tmp_path):
        class Job:
            task = "good", 1

        ends = on_cluster(client, work, [Job], (tmp_path,))
        cancelled = []
        submit = client.submit

        def submit_and_cancel(*args, **kwargs):
            future = submit(*args, **kwargs)
            if not cancelled:
                client.cancel([future])
                cancelled.append(future)
            return future

        client.submit = submit_and_cancel
        try:
            ((_, end),) = ends
        finally:
            del client.submit
        assert end.result == 2
        assert cancelled


class TestClient:
    def test_serial_has_no_client(self):
        with connected("serial") as client:
            assert client is None

    def test_without_dask_the_extra_is_named(self, monkeypatch):
        monkeypatch.setattr(
            "astro_cnnfit.catalog.optional.find_spec", lambda name: None
        )
        with pytest.raises(ImportError, match=r"'astro_cnnfit\[dask\]'"):
            connected(workers=1).__enter__()

    def test_workers_keep_memory_for_the_next_stamps(self, client):
        # The allocator reads this as a process starts: later it would say nothing.
        def started_with(name):
            environment = Path("/proc/self/environ").read_text()
            return dict(e.partition("=")[::2] for e in environment.split("\0"))[name]

        if not Path("/proc/self/environ").exists():
            pytest.skip(reason="needs /proc, which Linux alone has")
        for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"):
            wanted = int(os.environ.get(name, 2**25))
            found = client.run(started_with, name).values()
            assert all(int(value) >= wanted for value in found)

    def test_workers_keep_no_record_of_where_they_are(self, client):
        found = client.run(lambda dask_worker: len(dask_worker.profile_history))
        assert set(found.values()) == {0}

    def test_client_of_a_user_stays_open(self, client):
        with connected(client) as same:
            assert same is client
        assert client.status == "running"

    def test_address_of_a_scheduler(self, client):
        with connected(client.scheduler.address) as other:
            assert other.id != client.id
            assert other.nthreads() == client.nthreads()
        assert client.status == "running"

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ((3,), TypeError, "client must be .* got int"),
            (("serial", 2), ValueError, "workers is for client=None"),
            ((None, 0), ValueError, "workers must be a positive integer, got 0"),
            ((None, 1.5), ValueError, "workers must be a positive integer, got 1.5"),
        ],
    )
    def test_bad_ones_are_refused(self, arguments, error, message):
        with pytest.raises(error, match=message):
            check_client(*arguments)


class TestLostResult:
    class Cluster:
        """Stands in for a client whose worker dies with a result in its memory."""

        status, cluster = "running", None
        scheduler = type("Scheduler", (), {"address": "tcp://nowhere"})

        def __init__(self):
            self.asked = 0

        def nthreads(self):
            return {"worker": 1}

        def submit(self, function, *args, key, **kwargs):
            self.key, self.end = key, function(*args)
            return self

        def add_done_callback(self, call):
            call(self)

        def result(self, timeout):
            self.asked += 1
            if self.asked < 3:
                raise TimeoutError
            return self.end

    def test_it_is_waited_for_again(self, tmp_path):
        pretended = self.Cluster()
        ends = run_tasks(work, [("good", 1)], pretended, arguments=(tmp_path,))
        assert list(ends) == [(("good", 1), 2)]
        assert pretended.asked == 3
