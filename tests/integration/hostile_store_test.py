#!/usr/bin/env python3
"""Stores that are not ours, damaged, edited, unwritable or full: every command says so and ends with 1 to 3,
nothing is started, and what was durable is gone on with when it is mended."""

import os
import random
import shutil
import signal
import subprocess
import time

import box as b
from box import check, of_many_commits

READING = (("status",), ("log",), ("runs",), ("status", "--json"), ("log", "--json"), ("runs", "--json"),
           ("report",), ("report", "--format", "html"), ("report", "--format", "json"))
WRITING = (("resume", "--no-wait"), ("abort", "{run}"), ("pause", "{run}"), ("signal", "{run}", "s"), ("retry", "{run}"))


def held(box, store=None):
    """A run that is held: there is something to resume. Returns its id."""
    box.write("held.rbk", b.plan(head='    param word: text = "good"', apply='''            run "touch made" timeout 5s idempotent
            run "test -e go" timeout 5s idempotent'''))
    done = box.run("rbk", "run", "held.rbk", "--no-wait", *(("--store", store) if store else ()))
    check(done.status == 30, done)
    return box.query("SELECT id FROM runs", path=store)[0][0]


def settle(box):
    """The whole store in one file, without a log beside it."""
    box.query("PRAGMA wal_checkpoint(TRUNCATE)")
    for end in ("-wal", "-shm"):
        if os.path.exists(box.store + end):
            os.unlink(box.store + end)


def all_refuse(box, store, run="x", statuses=(1, 2, 3), says=None):
    for words in READING + WRITING:
        words = [word.format(run=run) for word in words]
        done = box.run("rbk", *words, "--store", store)
        if words[0] == "runs" and done.status == 0 and not says:
            check(b"there are no runs" in done.text or "--json" in words, done)
            continue
        check(done.status in statuses and done.err.strip() and b.harmless(done.text), done)
        check(not says or says.encode() in done.err, f"does not say {says!r}: {done}")
    box.refused("rbk", "run", "held.rbk", "--no-wait", "--store", store, statuses=statuses, says=says)


def stores_of_others_are_refused(box):
    run = held(box)
    settle(box)
    good = box.read("state/store.db")
    for name, sql, says in (("newer", "PRAGMA user_version = 99", "version 99"),
                            ("older", "PRAGMA user_version = 0", "version 0"),
                            ("negative", "PRAGMA user_version = -1", "version -1"),
                            ("foreign", "PRAGMA application_id = 1", "not a store of rbk"),
                            ("bare", "PRAGMA application_id = 0", "not a store of rbk")):
        os.mkdir(box.path(name))
        path = box.write(f"{name}/store.db", good)
        box.query(sql, path=path)
        before = box.query("SELECT * FROM sqlite_schema", path=path)
        all_refuse(box, path, run, says=says)
        check(box.query("SELECT * FROM sqlite_schema", path=path) == before, "it was changed")
    shop = box.path("people.db")
    box.query("CREATE TABLE people (name)", path=shop)
    all_refuse(box, shop, run, says="not a store of rbk")
    check(box.query("SELECT name FROM sqlite_schema", path=shop) == [("people",)], "it was changed")


def things_that_are_no_stores_are_refused(box):
    box.write("held.rbk", b.plan())
    os.mkdir(box.path("folder"))
    os.mkfifo(box.path("fifo"))
    box.write("file", "x")
    box.write("garbage", random.Random(3).randbytes(100_000))
    box.write("text", "hello\n" * 1000)
    box.write("zeros", bytes(100_000))
    box.write("header", b"SQLite format 3\0" + bytes(84))
    os.symlink("loop", box.path("loop"))
    if os.geteuid() == 0:
        for name in ("full", "zero", "null"):
            box.device(name)
    for store in ("folder", "fifo", "full", "zero", "null", "file/x/store.db", "file/store.db",
                  "garbage", "text", "zeros", "header", "loop", "/proc/nothing/store.db", "/proc/self/mem",
                  "", "x" * 300, "/".join(["y" * 200] * 30), "postgresql://nowhere/x", "folder/\x1b[2J/"):
        before = None if "/" in store or not os.path.isfile(box.path(store)) else box.read(store)
        all_refuse(box, store)
        if before is not None:
            check(box.read(store) == before, f"{store} was changed")
    check(not os.path.exists(box.path("made")), "something ran")


def damaged_stores_are_refused_or_read(box):
    """Flipped bytes, cuts, a log of something else: a reason or the whole truth, never a crash."""
    run = held(box)
    settle(box)
    good = box.read("state/store.db")
    dice = random.Random(20261121)

    def damage(number):
        os.mkdir(box.path(f"damage{number}"))
        bad = bytearray(good)
        if number < 20:
            bad = bad[:len(bad) * number // 20 + number % 3]
        elif number < 40:
            at = dice.randrange(100, len(bad) - 600)
            bad[at:at + 512] = dice.randbytes(512)
        else:
            for _ in range(20):
                bad[dice.randrange(100, len(bad))] ^= 1 << dice.randrange(8)
        path = box.write(f"damage{number}/store.db", bytes(bad))
        if number % 4 == 3:
            box.write(f"damage{number}/store.db-wal", dice.randbytes(5000))
        shutil.copytree(box.path("state/runs"), box.path(f"damage{number}/runs"))
        for words in (("runs",), ("status", run), ("log", run), ("abort", "--no-wait", run),
                      ("resume", "--no-wait", run)):
            done = box.run("rbk", *words, "--store", path)
            check(b.harmless(done.text), done)
            check(done.status in (0, 10, 30) or done.text.strip(), f"no reason: {done}")

    b.side_by_side(damage, range(70))


def edited_journals_are_refused(box):
    run = held(box)
    settle(box)
    good = box.read("state/store.db")
    for number, sql in enumerate((
            "UPDATE events SET body = body || ' ' WHERE seq = 2", "UPDATE events SET kind = 'x' WHERE seq = 2",
            "UPDATE events SET at_ms = at_ms + 1 WHERE seq = 2", "DELETE FROM events WHERE seq = 2",
            "UPDATE events SET hash = 'x' WHERE seq = 1", "UPDATE events SET seq = seq + 1000 WHERE seq > 1",
            "UPDATE events SET body = zeroblob(10) || 'x' WHERE seq = 1", "UPDATE machines SET text = '{}'",
            "UPDATE machines SET text = substr(text, 1, 500)", "DELETE FROM machines",
            "UPDATE machines SET text = replace(text, 'touch made', 'touch evil')",
            "UPDATE runs SET machine = 'x'", "UPDATE runs SET params = '['",
            "DROP TABLE events",
            "ALTER TABLE events DROP COLUMN body", "UPDATE events SET body = 'x'")):
        path = box.write("state/store.db", good)
        for end in ("-wal", "-shm"):
            if os.path.exists(path + end):
                os.unlink(path + end)
        damaged = b.sqlite3.connect(path)
        damaged.execute("PRAGMA foreign_keys = OFF")
        damaged.execute(sql)
        damaged.commit()
        damaged.close()
        box.write("go", "")
        done = box.run("rbk", "resume", "--no-wait", run)
        check(done.status in (1, 3) and done.err.strip(), f"{sql}: {done}")
        for words in (("log",), ("status",)):
            done = box.run("rbk", *words, run)
            check(b.harmless(done.text) and done.text.strip(), done)
            check(done.status in (0, 1, 3), done)
        check(not os.path.exists(box.path("evil")), f"{number}: an edited machine ran")
    box.write("state/store.db", good)
    os.unlink(box.path("go"))
    for column, value in (("params", "replace(params, 'good', 'evil')"), ("directory", "'/tmp'"), ("user", "'eve'"),
                          ("host", "'elsewhere'"), ("unrehearsed", "'agreed'"), ("title", "'Another'"),
                          ("started_ms", "started_ms + 1")):
        box.write("state/store.db", good)
        box.query(f"UPDATE runs SET {column} = {value}")
        for words in (("status",), ("log",), ("log", "--json"), ("status", "--json"), ("report",), ("resume", "--no-wait"),
                      ("approve",)):
            done = box.run("rbk", *words, run)
            check(done.status == 1 and b"were changed in the store after it started" in done.err, f"{column}: {done}")
    box.write("state/store.db", good)
    for column, value in (("id", "../../../evil"), ("id", "."), ("id", ""), ("directory", "/nowhere"), ("status", "x"), ("status", "completed")):
        path = box.write("state/store.db", good)
        box.query("PRAGMA foreign_keys = OFF")
        box.query(f"UPDATE runs SET {column} = ?", value)
        for words in (("runs",), ("status",), ("log",), ("resume", "--no-wait")):
            done = box.run("rbk", *words)
            check(done.text.strip() or done.status == 0, done)
            check(b.harmless(done.text), done)
    check(not os.path.exists(os.path.join(box.folder, "..", "evil")), "a folder outside the store")


def a_missing_run_folder_is_no_loss(box):
    run = held(box)
    shutil.rmtree(box.path("state/runs"))
    for words in READING:
        check(box.run("rbk", *words).status == 0, words)
    box.write("go", "")
    done = box.run("rbk", "retry", "--no-wait", run)
    check(done.status in (0, 1), done)
    done = box.run("rbk", "resume", "--no-wait", run)
    check(done.status in (0, 1, 30), done)


def until_begun(box):
    for _ in range(500):
        if os.path.exists(box.path("plan/begun")):
            return
        time.sleep(0.02)
    raise AssertionError("it did not begin")


def waiting_run(box):
    """A run, in a folder of its own, that waits until the file `go` is there: its process, and what it waits for."""
    os.mkdir(box.path("plan"))
    box.write("plan/waits.rbk", b.plan(apply='''            run "touch begun" timeout 5s idempotent
            wait until file.exists("go") every 20ms timeout 30s
            run "touch made" timeout 5s idempotent'''))
    process = box.start("rbk", "run", "plan/waits.rbk", "--no-wait")
    until_begun(box)
    return process


def a_store_that_is_taken_away_stops_the_run(box):
    """Nothing is done that nobody could look up; once it is back, the run goes on."""
    process = waiting_run(box)
    taken = box.path("state/taken")
    os.rename(box.store, taken)
    box.write("plan/go", "")
    out, err = process.communicate(timeout=30)
    check(process.returncode == 1 and b"was removed or exchanged" in err, f"{process.returncode}: {out} {err}")
    check(not os.path.exists(box.path("plan/made")), "it went on")
    os.rename(taken, box.store)
    done = box.run("rbk", "resume", "--no-wait")
    check(done.status == 0 and os.path.exists(box.path("plan/made")), done)


def a_log_that_is_taken_away_stops_the_run(box):
    process = waiting_run(box)
    os.rename(box.store + "-wal", box.path("state/taken"))
    box.write("plan/go", "")
    out, err = process.communicate(timeout=30)
    check(process.returncode == 1 and b"was removed or exchanged" in err, f"{process.returncode}: {out} {err}")
    os.rename(box.path("state/taken"), box.store + "-wal")
    done = box.run("rbk", "resume", "--no-wait")
    check(done.status == 0 and os.path.exists(box.path("plan/made")), done)


def a_run_whose_directory_is_away_is_not_gone_on_with(box):
    """It may be a disk that is not mounted yet: its ways back would all fail there."""
    process = waiting_run(box)
    process.kill()
    process.communicate()
    before = box.query("SELECT * FROM events")
    os.rename(box.path("plan"), box.path("away"))
    box.refused("rbk", "resume", "--no-wait", says="cannot enter .*plan.*the directory of the run")
    check(box.query("SELECT * FROM events") == before, "the journal has grown")
    os.rename(box.path("away"), box.path("plan"))
    box.write("plan/go", "")
    done = box.run("rbk", "resume", "--no-wait")
    check(done.status == 0 and os.path.exists(box.path("plan/made")), done)


def as_nobody(box):
    """A preexec function that gives up root, for whom no folder is read-only."""
    if os.geteuid() != 0:
        return None
    for folder, folders, files in os.walk(box.folder):
        for name in [folder, *(os.path.join(folder, each) for each in folders + files)]:
            os.chown(name, 65534, 65534, follow_symlinks=False)

    def apply():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    return apply


def a_store_out_of_sight_is_not_taken_away(box):
    """What cannot be looked at for a while, as on a server that does not answer, may well be where it was."""
    os.mkdir(box.path("plan"))
    box.write("plan/waits.rbk", b.plan(apply='''            run "touch begun made" timeout 5s idempotent
            wait until file.exists("go") every 20ms timeout 30s'''))
    process = box.start("rbk", "run", "plan/waits.rbk", "--no-wait", preexec_fn=as_nobody(box))
    until_begun(box)
    os.chmod(box.path("state"), 0o000)
    box.write("plan/go", "")
    out, err = process.communicate(timeout=30)
    os.chmod(box.path("state"), 0o700)
    check(process.returncode == 0, f"{process.returncode}: {out} {err}")


def folders_without_rights_are_refused(box):
    run = held(box)
    settle(box)
    nobody = as_nobody(box)
    for mode in (0o500, 0o000):
        os.chmod(box.path("state"), mode)
        for words in (("resume", "--no-wait", run), ("abort", run), ("run", "held.rbk", "--no-wait")):
            box.refused("rbk", *words, preexec_fn=nobody, statuses=(1, 3))
        for words in READING:
            done = box.run("rbk", *words, preexec_fn=nobody)
            check(done.text.strip() and done.status in (0, 1), done)
    os.chmod(box.path("state"), 0o700)
    os.chmod(box.store, 0o400)
    box.refused("rbk", "resume", "--no-wait", run, preexec_fn=nobody, statuses=(1,))
    os.chmod(box.store, 0o600)
    os.chmod(box.path("state/runs"), 0o500)
    os.chmod(box.path("state/runs/" + run), 0o500)
    done = box.run("rbk", "resume", "--no-wait", run, preexec_fn=nobody)
    check(done.status in (1, 30) and done.text.strip(), done)
    os.chmod(box.path("state/runs"), 0o700)
    os.chmod(box.path("state/runs/" + run), 0o700)


# ---- a full disk ------------------------------------------------------------------------------------

STEPS = 400


def many_steps(box):
    """Each step writes a row in the database of the plan, which is on another disk than the store."""
    insert = 'sql shop "INSERT INTO steps VALUES ({})" timeout 10s'
    box.query("CREATE TABLE steps (n)", path=box.path("shop.db"))
    lines = "\n".join(" " * 12 + insert.format(number) for number in range(STEPS))
    return box.write("many.rbk", b.plan(apply=lines + '\n            run "touch made" timeout 5s idempotent',
                                        within="2h"))


def stopped_and_resumed(box, done, make_room, store):
    """The run stopped because of the disk, at an event that is durable; with room it is finished, and no
    transaction happened twice."""
    check(done.status == 1, done)
    check(b"disk is full" in done.text or b"full" in done.text or b"No space" in done.text, done)
    check(b"rbk resume" in done.text, f"does not say how to go on: {done}")
    check(not os.path.exists(box.path("made")), "it went on")
    steps = box.query("SELECT count(*) FROM steps", path=box.path("shop.db"))[0][0]
    check(steps < STEPS, f"{steps} steps: the disk was not full in time")
    make_room()
    done = box.run("rbk", "resume", "--store", store, "--no-wait", seconds=60)
    check(done.status == 0, done)
    rows = box.query("SELECT n, count(*) FROM steps GROUP BY n ORDER BY n", path=box.path("shop.db"))
    check(rows == [(number, 1) for number in range(STEPS)], "a step was lost or done twice")
    done = box.run("rbk", "status", "--store", store)
    check(done.status == 0 and b"chain whole" in done.text, done)
    check(box.query("PRAGMA integrity_check", path=store) == [("ok",)], "the store is damaged")


def small_disk(box):
    """A file system of 1 MiB, or None where nothing can be mounted: RLIMIT_FSIZE then stands for it."""
    disk = box.path("disk")
    os.mkdir(disk)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "rbk-test", disk], stderr=subprocess.DEVNULL,
                             check=False).returncode == 0
    print(f"        ({'a tmpfs of 1 MiB' if mounted else 'cannot mount: RLIMIT_FSIZE only'})")
    return disk if mounted else None


def make_room(disk):
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)


@of_many_commits
def a_full_disk_stops_the_run_until_there_is_room(box):
    disk = small_disk(box)
    if disk is None:
        return
    try:
        plan, store = many_steps(box), os.path.join(disk, "store.db")
        done = box.run("rbk", "run", plan, "--store", store, "--no-wait", seconds=60)
        box.refused("rbk", "resume", "--store", store, "--no-wait", statuses=(1,))
        for words in READING:
            seen = box.run("rbk", *words, "--store", store)
            check(seen.status in (0, 1) and seen.text.strip(), seen)
        stopped_and_resumed(box, done, lambda: make_room(disk), store)
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def output_that_fills_the_disk_loses_no_run(box):
    """The output of a command takes what the journal would need: its result is known after a resume."""
    disk = small_disk(box)
    if disk is None:
        return
    try:
        store = os.path.join(disk, "store.db")
        box.write("loud.rbk", b.plan(apply="""            run "touch begun" timeout 5s idempotent
            shell "echo one >> times; head -c 5000000 /dev/zero; exit 0" timeout 20s
                in doubt ask boss within 1h else abort
            run "touch made" timeout 5s idempotent""", head='    role boss { contact "b" }'))
        done = box.run("rbk", "run", "loud.rbk", "--store", store, "--no-wait", seconds=60)
        check(done.status in (0, 1), done)
        make_room(disk)
        if done.status == 1:
            check(not os.path.exists(box.path("made")), "it went on")
            done = box.run("rbk", "resume", "--store", store, "--no-wait", seconds=60)
        check(done.status == 0 and os.path.exists(box.path("made")), done)
        check(box.read("times") == b"one\n", "the command ran twice")
        check(b"chain whole" in box.run("rbk", "status", "--store", store).out, "the journal")
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


@of_many_commits
def a_limit_on_files_stops_the_run_like_a_full_disk(box):
    plan = many_steps(box)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        b.limited(FSIZE=1_000_000)()
    done = box.run("rbk", "run", plan, "--no-wait", seconds=60, preexec_fn=limit)
    check(done.status == 1, done)
    rows = box.query("SELECT n, count(*) FROM steps GROUP BY n", path=box.path("shop.db"))
    check(all(count == 1 for _, count in rows) and len(rows) < STEPS, "the limit did not stop it")
    done = box.run("rbk", "resume", "--no-wait", seconds=60)
    check(done.status == 0, done)
    rows = box.query("SELECT n, count(*) FROM steps GROUP BY n", path=box.path("shop.db"))
    check(len(rows) == STEPS and all(count == 1 for _, count in rows), "a step was lost or done twice")


def too_few_descriptors_are_said(box):
    box.write("small.rbk", b.plan())
    for most in (4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 48):
        store = box.path(f"few{most}/store.db")
        if os.path.exists(box.path("made")):
            os.unlink(box.path("made"))
        done = box.run("rbk", "run", "small.rbk", "--no-wait", "--store", store, preexec_fn=b.limited(NOFILE=most))
        check(done.status in (1, 3) and b"files" in done.text, done)
        check(not os.path.exists(box.path("made")), "it began")
        check(not os.path.exists(store), "a store was made")
    done = box.run("rbk", "run", "small.rbk", "--no-wait", preexec_fn=b.limited(NOFILE=64))
    check(done.status == 0, done)


@of_many_commits
def a_runner_killed_again_and_again_ends_whole(box):
    plan = many_steps(box)
    process = box.start("rbk", "run", plan, "--no-wait")
    for turn in range(12):
        time.sleep(0.02 + 0.01 * turn)  # anywhere: each moment must do
        process.kill()
        process.communicate()
        if b"small" not in box.run("rbk", "runs").out:
            process = box.start("rbk", "run", plan, "--no-wait")
        else:
            process = box.start("rbk", "resume", "--no-wait")
    process.communicate(timeout=60)
    check(process.returncode == 0 or b"completed" in box.run("rbk", "runs").out, f"ended with {process.returncode}")
    rows = box.query("SELECT n, count(*) FROM steps GROUP BY n", path=box.path("shop.db"))
    check(len(rows) == STEPS and all(count == 1 for _, count in rows), "a step was lost or done twice")


if __name__ == "__main__":
    b.main([stores_of_others_are_refused, things_that_are_no_stores_are_refused, damaged_stores_are_refused_or_read,
            edited_journals_are_refused, a_missing_run_folder_is_no_loss,
            a_store_that_is_taken_away_stops_the_run, a_log_that_is_taken_away_stops_the_run,
            a_run_whose_directory_is_away_is_not_gone_on_with, a_store_out_of_sight_is_not_taken_away,
            folders_without_rights_are_refused,
            a_full_disk_stops_the_run_until_there_is_room, output_that_fills_the_disk_loses_no_run,
            a_limit_on_files_stops_the_run_like_a_full_disk,
            too_few_descriptors_are_said, a_runner_killed_again_and_again_ends_whole])
