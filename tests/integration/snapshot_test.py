"""Snapshots: recovery begins with the newest one that verifies and ends where the whole journal would have
led; one that does not verify is passed over; `rbk log` reads the whole journal all the same.

    snapshot_test.py [--keep] [TEST …]
"""

import hashlib
import json
import os
import sys
import time

from box import Box, check, main, of_many_commits, plan, side_by_side

EVERY = {"RBK_TEST_SNAPSHOT_EVERY": "3"}

# Steps whose values the later ones need, so that a recovery which lost one could not end well.
STEPS = """
            run "touch made" timeout 5s idempotent
            run "sh say.sh one" into one timeout 5s
            let two = run.output("cat two") timeout 5s
            let more = lines(run.output("cat more")) timeout 5s
            run "sh say.sh ${two}" into three timeout 5s
            if one == "said one" { run ["sh", "say.sh", three] timeout 5s }
            run ["sh", "say.sh", "${more} ${one}"] timeout 5s
            run "sh wait.sh" timeout 20s
            run "sh say.sh end" timeout 5s
"""
TRACE = "one\n2\nsaid 2\nx, y said one\nend\n"


def prepare(box):
    box.write("say.sh", 'echo "$1" >> trace; echo "said $1"')
    box.write("wait.sh", "touch waiting; until test -e go; do sleep 0.02; done")
    box.write("two", "2")
    box.write("more", "x\ny\n")
    box.write("small.rbk", plan(STEPS, within="60s"))
    return box


def begin_and_kill(box, env, seconds=20):
    """A run that is killed while its command waits; the command may end then."""
    process = box.start("rbk", "run", "small.rbk", env=env)
    end = time.monotonic() + seconds
    while not os.path.exists(box.path("waiting")):
        check(process.poll() is None and time.monotonic() < end, "the command waits")
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=10)
    box.write("go", "")


def resumes(box, env=EVERY):
    done = box.run("rbk", "resume", box.run_id(), env=env)
    check(done.status == 0, done)
    check(box.read("trace").decode() == TRACE, box.read("trace"))


def snapshots(box):
    return box.query("SELECT seq, hash, body FROM snapshots ORDER BY seq DESC")


def replace(box, seq, body, good_hash=True):
    digest = hashlib.sha256(body.encode()).hexdigest() if good_hash else "0" * 64
    box.query("UPDATE snapshots SET body = ?, hash = ? WHERE seq = ?", body, digest, seq)


def spoil_journal(box, word="who", by="wha"):
    """A whole replay is refused from here on: only a snapshot leads past the first event."""
    box.query(f"UPDATE events SET body = replace(body, '\"{word}\"', '\"{by}\"') WHERE seq = 1")


def recovery_begins_with_the_newest_snapshot(box):
    begin_and_kill(prepare(box), EVERY)
    rows = snapshots(box)
    check(len(rows) == 2, f"the two newest are kept: {rows}")
    spoil_journal(box)
    box.refused("rbk", "log", box.run_id(), says="does not follow")
    resumes(box)


def without_a_snapshot_the_whole_journal_is_read(box):
    begin_and_kill(prepare(box), {})
    check(not snapshots(box), "none is due yet")
    spoil_journal(box)
    box.refused("rbk", "resume", box.run_id(), says="does not follow")


def an_older_snapshot_stands_in_for_a_damaged_one(box):
    begin_and_kill(prepare(box), EVERY)
    seq, _, body = snapshots(box)[0]
    replace(box, seq, body[:-9] + "x" + body[-8:], good_hash=False)
    spoil_journal(box)
    resumes(box)


def because_of(state, kind, index):
    """The block of a state (in hex) whose cause is that; it stands behind ten numbers of 32 bits."""
    return state[:80] + kind.to_bytes(4, sys.byteorder).hex() + index.to_bytes(4, sys.byteorder).hex() + state[96:]


def what_does_not_verify_is_passed_over(_):
    """With a right SHA-256 too: each part of a snapshot is judged on its own."""
    def cut(body):
        return json.dumps(body)[:-20]

    def put(**changes):
        def change(body):
            return json.dumps({**body, **changes})
        return change

    def one(spoil):
        box = prepare(Box())
        try:
            begin_and_kill(box, EVERY)
            for seq, _, body in snapshots(box):
                replace(box, seq, spoil(json.loads(body)))
            spoil_journal(box)
            box.refused("rbk", "resume", box.run_id(), says="does not follow")
            spoil_journal(box, "wha", "who")
            resumes(box)
        finally:
            box.close()

    side_by_side(one, [
        cut, lambda body: "[]", lambda body: json.dumps({**body, "state": "ff" * (len(body["state"]) // 2)}),
        lambda body: json.dumps({**body, "state": body["state"][2:]}), put(state="zz"), put(machine="0" * 64),
        put(format=99), put(layout="1.2.3.middle"), put(event="0" * 64), put(settings="0" * 64), put(seq=1),
        put(slots=[[9999, {"type": "text", "value": "x"}]]), put(slots=7), put(told=[99, 0]),
        put(flight=[{"region": 9999}]), lambda body: json.dumps({**body, "flight": body["flight"] * 2}),
        put(alerts=[1]), lambda body: json.dumps({**body, "state": because_of(body["state"], 1, 9999)}), put(reason={"type": "int", "value": 1}),
    ])


def a_journal_that_ends_before_its_snapshot_is_refused(box):
    begin_and_kill(prepare(box), EVERY)
    box.query("DELETE FROM events WHERE seq >= ?", snapshots(box)[0][0])
    box.refused("rbk", "resume", box.run_id(), says="it ends before event")


def a_snapshot_of_other_parameters_is_not_used(box):
    """What stands beside the journal in the store is bound to the snapshot as it is to the journal."""
    begin_and_kill(prepare(box), EVERY)
    box.query("UPDATE runs SET user = 'somebody-else'")
    box.refused("rbk", "resume", box.run_id(), says="were changed in the store")


def a_crash_at_any_commit_around_a_snapshot_changes_nothing(_):
    """Killed before and after each commit, with a snapshot in every third event's."""
    def one(at):
        moment, number = at
        box = prepare(Box())
        try:
            box.write("go", "")
            done = box.start("rbk", "run", "small.rbk",
                             env={**EVERY, f"RBK_TEST_KILL_{moment}_COMMIT": str(number)})
            done.communicate(timeout=30)
            check(done.returncode == -9, f"{moment} {number}: it was not killed, {done.returncode}")
            seqs = [seq for seq, _, _ in snapshots(box)]
            last = box.query("SELECT coalesce(max(seq), 0) FROM events")[0][0]
            check(all(seq <= last for seq in seqs), f"a snapshot without its event: {seqs}, {last}")
            if box.query("SELECT status FROM runs") == [("completed",)]:
                check(box.read("trace").decode() == TRACE, box.read("trace"))
            else:
                resumes(box)
        finally:
            box.close()

    side_by_side(one, [(moment, number) for number in range(2, 13) for moment in ("BEFORE", "AFTER")])


@of_many_commits
def one_is_written_every_4096_events(box):
    body = "run \"touch made\" timeout 5s idempotent\n" + "wait 0s because \"of the count\"\n" * 4200
    box.write("small.rbk", plan(body + 'run "sh wait.sh" timeout 20s\n', within="5m"))
    box.write("wait.sh", "touch waiting; until test -e go; do sleep 0.02; done")
    begin_and_kill(box, {}, seconds=120)
    rows = snapshots(box)
    check(len(rows) == 1 and 4096 <= rows[0][0] < 4096 + 64, [row[0] for row in rows])
    spoil_journal(box)
    done = box.run("rbk", "resume", box.run_id())
    check(done.status == 0, done)


TESTS = [recovery_begins_with_the_newest_snapshot, without_a_snapshot_the_whole_journal_is_read,
         an_older_snapshot_stands_in_for_a_damaged_one, what_does_not_verify_is_passed_over,
         a_journal_that_ends_before_its_snapshot_is_refused, a_snapshot_of_other_parameters_is_not_used,
         a_crash_at_any_commit_around_a_snapshot_changes_nothing, one_is_written_every_4096_events]

if __name__ == "__main__":
    main(TESTS)
