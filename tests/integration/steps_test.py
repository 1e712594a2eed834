#!/usr/bin/env python3
"""Every step of the language with each of its clauses, in a small plan that is run for real: the effect on
the world, the exit status, and the order.

    steps_test.py [--keep] [CASE...]
"""

import hashlib
import os
import signal

from scene import CHECK, OPS, STRANGER, expect, plan, play, stage, tell

ABORT = 'run "false" timeout 5s idempotent\n'  # a step that fails


# ---- commands ---------------------------------------------------------------------------------------

def run_puts_values_into_words(scene):
    scene.begin(plan(stage("a", """
        let odd = run.output("printf 'a b; $(x) *'")
        run "touch -- 'one ${odd}'" timeout 5s idempotent
        run ["touch", "--", "two ${odd}"] timeout 5s idempotent
        """ + tell("a")))).ends(0, "completed")
    for name in ("one a b; $(x) *", "two a b; $(x) *"):
        expect(os.path.exists(scene.path(name)), True, name)


def run_refuses_a_word_that_becomes_an_option(scene):
    scene.begin(plan(stage("a", tell("a") + """
        let name = run.output("echo --help")
        run ["touch", name] timeout 5s idempotent
        """))).ends(30, "held")
    scene.trace("a", "back_a")


def shell_quotes_values_by_environment(scene):
    scene.begin(plan(stage("a", tell("a") + """
        let odd = run.output("printf '; touch pwned $(touch pwned)'")
        shell "printf %s ${odd} > out" timeout 5s idempotent
        """))).ends(0)
    scene.holds("out", "; touch pwned $(touch pwned)")
    expect(os.path.exists(scene.path("pwned")), False, "pwned")


def run_takes_directory_environment_and_stdin(scene):
    os.mkdir(scene.path("sub"))
    scene.begin(plan(stage("a", tell("a") + """
        run ["sh", "-c", "pwd > where; echo $K > env; cat > in"] in "sub" env { K: "v ${1 + 1}" } stdin "hello" timeout 5s idempotent
        """))).ends(0)
    scene.holds("sub/where", os.path.realpath(scene.path("sub")))
    scene.holds("sub/env", "v 2")
    scene.holds("sub/in", "hello")


def run_using_hands_over_a_connection(scene):
    db = scene.database()
    scene.begin(plan(stage("a", tell("a") + """
        run "psql -X -c 'CREATE TABLE made_by_psql (x int)'" using db timeout 20s idempotent
        shell "echo $SQLITE_FILE > sqlite" using shop timeout 5s idempotent
        shell "echo $REDIS_URL > redis" using cache timeout 5s idempotent
        """), head=f'connection db = postgres("{db}")\nconnection shop = sqlite("shop.db")\n'
                   f'connection cache = redis("{scene.cache()}")')).ends(0)
    expect(scene.sql("SELECT to_regclass('made_by_psql') IS NOT NULL"), "t", "the table")
    expect(os.path.basename(scene.read("sqlite").decode().strip()), "shop.db", "SQLITE_FILE")
    scene.holds("redis", scene.cache())


def run_expect_and_into(scene):
    scene.begin(plan(stage("a", tell("a") + """
        run "sh -c 'echo out; exit 3'" expect 0, 3 into answer timeout 5s idempotent
        shell "echo got-${answer} >> trace" timeout 5s idempotent
        run "sh -c 'exit 4'" expect 0, 3 timeout 5s idempotent
        """))).ends(30, "held")
    scene.trace("a", "got-out", "back_a")


def cancel_stops_what_runs_elsewhere(scene):
    scene.begin(plan(stage("a", tell("a") + """
        run "sleep 60" timeout 1s cancel "sh -c 'echo cancelled >> trace'" idempotent
        """))).ends(30, "held")
    scene.trace("a", "cancelled", "back_a")


def a_timeout_kills_the_whole_tree(scene):
    scene.begin(plan(stage("a", tell("a") + """
        shell "(sleep 2; touch late) & sleep 60" timeout 700ms idempotent
        """))).ends(30, "held")
    scene.trace("a", "back_a")
    scene.begin(plan(stage("b", tell("b") + 'wait 2s because "the late one would come"\n' + CHECK)),
                name="b.rbk").ends(0)
    expect(os.path.exists(scene.path("late")), False, "a child that outlived its timeout")


# ---- SQL --------------------------------------------------------------------------------------------

def sql_binds_values_and_is_one_transaction(scene):
    db = scene.database()
    scene.sql("CREATE TABLE t (v text)")
    scene.write("more.sql", "INSERT INTO t VALUES ('file 1'); INSERT INTO t VALUES ('file 2');")
    scene.begin(plan(stage("a", tell("a") + """
        let odd = run.output("printf \\"'); DROP TABLE t; --\\"")
        sql db "INSERT INTO t VALUES (${odd})" timeout 5s
        sql db file "more.sql" timeout 5s
        sql db "SELECT count(*) FROM t" into rows timeout 5s
        shell "echo rows-${rows} >> trace" timeout 5s idempotent
        sql db "INSERT INTO t VALUES ('lost'); SELECT 1 / 0" timeout 5s
        """), head=f'connection db = postgres("{db}")')).ends(30, "held")
    scene.trace("a", "rows-3", "back_a")
    expect(scene.sql("SELECT v FROM t ORDER BY v"), "'); DROP TABLE t; --\nfile 1\nfile 2", "the table")


def sql_autocommit_runs_outside_a_transaction(scene):
    db = scene.database()
    scene.sql("CREATE TABLE t (v int)")
    scene.begin(plan(stage("a", tell("a") + """
        sql db "CREATE INDEX CONCURRENTLY t_v ON t(v)" autocommit timeout 20s
            done when sql.value(db, "SELECT to_regclass('t_v') IS NOT NULL") == true
        sql db "VACUUM t" autocommit timeout 20s idempotent
        """), head=f'connection db = postgres("{db}")')).ends(0)
    expect(scene.sql("SELECT to_regclass('t_v') IS NOT NULL"), "t", "the index")


def sql_on_sqlite(scene):
    scene.begin(plan(stage("a", tell("a") + """
        sql shop "CREATE TABLE t (v int)" timeout 5s
        sql shop "INSERT INTO t VALUES (${20 + 1}); INSERT INTO t VALUES (2); SELECT sum(v) FROM t" into total timeout 5s
        check "the sum" total == 23 timeout 5s
        check "two rows" sql.rows(shop, "SELECT * FROM t") == 2 timeout 5s
        check "a share" sql.ratio(shop, "SELECT 0.25") == 25% timeout 5s
        check "its own unit" sql.value(shop, "SELECT '10GiB'") as bytes == 10GiB timeout 5s
        check "ours" sql.value(shop, "SELECT 1.5") as minutes == 90s timeout 5s
        check "a share with a sign" sql.value(shop, "SELECT '25%'") as ratio == 25% timeout 5s
        check "another unit is none" (sql.value(shop, "SELECT '10GiB'") as seconds ?? 7s) == 7s timeout 5s
        sql shop "VACUUM" autocommit timeout 5s idempotent
        sql shop "INSERT INTO t VALUES (9); INSERT INTO nowhere VALUES (1)" timeout 5s
        """), head='connection shop = sqlite("shop.db")')).ends(30, "held")
    expect(scene.query("SELECT v FROM t ORDER BY v", path=scene.path("shop.db")), [(2,), (21,)], "the rows")


# ---- HTTP, Redis ------------------------------------------------------------------------------------

def http_sends_header_json_and_body(scene):
    url = f"{scene.web.url}/echo/{scene.name}"
    scene.begin(plan(stage("a", tell("a") + f"""
        let odd = run.output("printf 'a \\"b\\"/&c'")
        http PUT "{url}/put?q=${{odd}}" header "X-One" "1 ${{odd}}" header "X-Two" "2"
            json \"\"\"{{ "whole": ${{odd}}, "part": "<${{odd}}>" }}\"\"\" expect 200, 201 into answer timeout 5s idempotent
        shell "printf %s ${{answer}} > answer" timeout 5s idempotent
        http POST "{url}/post" body "plain ${{odd}}" timeout 5s idempotent
        http GET "{url}/get" timeout 5s
        http DELETE "{scene.web.url}/status/404?{scene.name}" expect 404 timeout 5s idempotent
        http PATCH "{scene.web.url}/status/500?{scene.name}" timeout 5s idempotent
        """))).ends(30, "held")
    scene.trace("a", "back_a")
    scene.holds("answer", r'{ "whole": "a \"b\"/&c", "part": "<a \"b\"/&c>" }')
    put, post, get = scene.web.got(f"/echo/{scene.name}")
    expect((put[0], put[1].split("?")[1]), ("PUT", "q=a%20%22b%22%2F%26c"), "the URL")
    expect((put[2].get("X-One"), put[2].get("X-Two")), ('1 a "b"/&c', "2"), "the headers")
    expect(bool(put[2].get("Idempotency-Key")) and put[2]["Idempotency-Key"] != post[2]["Idempotency-Key"], True,
           "a key for each request")
    expect((post[0], post[3]), ("POST", 'plain a "b"/&c'), "the body")
    expect(get[0], "GET", "the method")
    expect([each[0] for each in scene.web.got("/status/") if scene.name in each[1]], ["DELETE", "PATCH"], "the methods")


def redis_words_and_list(scene):
    n = scene.name
    scene.begin(plan(stage("a", tell("a") + f"""
        let odd = run.output("printf 'x y'")
        redis cache "SET {n}:one 'quoted word ${{odd}}'" timeout 5s idempotent
        redis cache ["SET", "{n}:two", "-${{odd}}"] timeout 5s idempotent
        redis cache ["GET", "{n}:two"] into two timeout 5s idempotent
        check "the reply" two == "-x y" timeout 5s
        check "a reading" redis.value(cache, "GET", "{n}:one") == "quoted word x y" timeout 5s
        redis cache "NOSUCHCOMMAND" timeout 5s idempotent
        """), head=f'connection cache = redis("{scene.cache()}")')).ends(30, "held")
    scene.trace("a", "back_a")
    expect(scene.world.redis("GET", f"{n}:one"), "quoted word x y", "the first key")


# ---- looking, waiting, telling ----------------------------------------------------------------------

def check_retries_and_stays(scene):
    scene.begin(plan(stage("a", tell("a") + """
        shell "(sleep 1; touch here; sleep 1; touch ready) >/dev/null 2>&1 &" timeout 5s idempotent
        check "it comes" file.exists("came") or run.exit("sh -c 'echo x >> tries; test $(wc -l < tries) -ge 3'") == 0 retry 10 every 50ms timeout 10s
        check "it stays" file.size("trace") > 0B for 1s timeout 10s
        """ + tell("stayed") + """
        check "it does not hold" file.exists("never") retry 2 every 50ms timeout 5s
        """))).ends(30, "held")
    expect(scene.read("tries").decode().count("x"), 3, "readings until it held")
    scene.trace("a", "stayed", "back_a")


def check_for_begins_again(scene):
    scene.begin(plan(stage("a", tell("a") + """
        check "it stays at last" run.exit("sh -c 'echo x >> tries; test $(wc -l < tries) -ge 3'") == 0 for 1s timeout 15s
        """))).ends(0)
    expect(scene.read("tries").decode().count("x") >= 4, True, "it was read until it stayed")


def a_wait_stays_and_begins_again(scene):
    """The first good reading is followed by a bad one, which begins the second anew; what never stays runs out of time."""
    scene.begin(plan(stage("a", tell("a") + """
        wait until run.exit("sh -c 'echo x >> tries; test $(wc -l < tries) -ne 2'") == 0 for 1s every 100ms timeout 15s
        """ + tell("stayed") + """
        wait until run.exit("sh -c 'echo x >> odd; test $(($(wc -l < odd) % 2)) = 0'") == 0 for 500ms every 100ms timeout 1500ms
        """))).ends(30, "held")
    expect(scene.read("tries").decode().count("x") >= 4, True, "it was read until it stayed")
    expect("its time ran out: it had held for" in scene.tail() and "of 500ms" in scene.tail(), True, "why it failed")
    scene.trace("a", "stayed", "back_a")


def a_require_holds_for_a_while(scene):
    """It is read until it held without a break; a runner that is killed meanwhile begins the span anew."""
    scene.begin(plan(stage("a", tell("a"), more='require "still there" file.exists("here") for 300ms retry 1 every 100ms timeout 20s'),
                     head="""require "there" file.exists("here") and run.exit("sh -c 'date +%s.%N >> seen'") == 0
                        for 2s timeout 30s"""))
    scene.touch("here")
    scene.until(lambda: os.path.exists(scene.path("seen")) and scene.read("seen").count(b"\n") >= 2, "two readings")
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()
    before = scene.read("seen").count(b"\n")
    scene.resume().ends(0)
    times = [float(each) for each in scene.read("seen").decode().split()][before:]
    expect(times[-1] - times[0] >= 1.9, True, f"the span of the second runner, {times}")
    scene.trace("a")


def a_require_that_never_stays_holds_the_run(scene):
    scene.begin(plan(stage("a", tell("a")),
                     head='require "there" file.exists("never") for 200ms timeout 1s')).ends(30, "held")
    expect("its time ran out: it had held for 0s of 200ms" in scene.tail(), True, "why it is held")
    expect(scene.trace(), [], "nothing began")


def a_missing_value_fails_a_check(scene):
    scene.begin(plan(stage("a", tell("a") + """
        check "no file has no size" file.size("nowhere") > 0B or file.size("nowhere") < 1B timeout 5s
        """))).ends(30, "held")
    scene.trace("a", "back_a")


def an_expression_may_do_without_a_value(scene):
    scene.begin(plan(stage("a", tell("a") + """
        let n = int(run.output("false")) ?? 3 timeout 5s
        shell "echo n${n} >> trace" timeout 5s idempotent
        check "or" file.size("nowhere") > 1B or file.exists("trace") timeout 5s
        check "and" not (file.size("nowhere") > 1B and file.exists("nowhere")) timeout 5s
        check "not" not (file.size("nowhere") > 1B) timeout 5s
        """))).ends(30, "held")
    scene.trace("a", "n3", "back_a")
    expect(('check "or" ok' in scene.tail(), 'check "and" ok' in scene.tail()), (True, True), "what may be missing")


def wait_and_wait_until(scene):
    scene.begin(plan(stage("a", tell("a") + """
        wait 1s because "a moment"
        """ + tell("waited") + """
        wait until run.exit("sh -c 'echo x >> tries; test $(wc -l < tries) -ge 4'") == 0 every 100ms timeout 15s progress ratio(1, 4)
        """ + tell("came") + """
        wait until file.exists("never") every 100ms timeout 500ms
        """))).ends(30, "held")
    expect(scene.read("tries").decode().count("x"), 4, "readings")
    scene.trace("a", "waited", "came", "back_a")


def let_retries_and_is_journalled(scene):
    scene.begin(plan(stage("a", tell("a") + """
        let n = int(run.output("sh -c 'echo x >> tries; test $(wc -l < tries) -ge 3 && echo 7'")) retry 5 every 50ms timeout 10s
        let m = n + 1
        shell "echo ${m} >> trace" timeout 5s idempotent
        """))).ends(0)
    scene.trace("a", "8")


def notify_and_capture(scene):
    scene.write("evidence", "what was seen")
    scene.begin(plan(stage("a", tell("a") + """
        notify incident "run ${run.id}: \\"quoted\\""
        capture "from a command" run "cat evidence" timeout 5s
        capture "from a reading" file.sha256("evidence") timeout 5s
        """), use="use std.http", head=f'secret hook from env "HOOK"\nchannel incident = http.webhook(hook)'),
        env={"HOOK": scene.hook()}).ends(0)
    message, = scene.until(scene.told, "the message")
    expect(message["message"], f'run {scene.run_id()}: "quoted"', "the message")
    expect(message["run"], scene.run_id(), "the run")
    kept = {each["label"]: each for each in scene.look()["evidence"]}
    expect(kept["from a command"]["sha256"], hashlib.sha256(b"what was seen").hexdigest(), "the evidence's hash")
    expect("from a reading" in kept, True, "the reading is kept")


# ---- people -----------------------------------------------------------------------------------------

def manual_attest_and_ask(scene):
    scene.begin(plan(stage("a", tell("a") + """
        manual "do it by hand" by ops within 30s else abort
        """ + tell("manual") + """
        attest "it is done" by ops within 30s else abort
        """ + tell("attest") + """
        ask ops "Go on?" within 30s else abort
        """ + tell("asked"), within="3m"), head=OPS))
    scene.answer("done")
    scene.answer("yes")
    scene.answer("no")
    scene.ends(10, "aborted")
    scene.trace("a", "manual", "attest", "back_a")


def silence_takes_the_else(scene):
    scene.begin(plan(stage("a", tell("a") + 'ask ops "Go on?" within 1s else abort\n'), head=OPS))
    scene.ends(10, "aborted").trace("a", "back_a")


def a_stranger_is_refused(scene):
    scene.begin(plan(stage("a", tell("a") + 'ask stranger "Go on?" within 6s else abort\n'), head=STRANGER))
    name = scene.question()
    done = scene.say("answer", name, "yes", status=1)
    expect(b"refused: you do not speak for any role" in done.text, True, f"the reason, {done}")
    scene.ends(10, "aborted").trace("a", "back_a")


# ---- blocks -----------------------------------------------------------------------------------------

def if_and_else(scene):
    scene.begin(plan(stage("a", tell("a")
                           + f'if file.exists("trace") {{ {tell("then")} }} else {{ {tell("else")} }}\n'
                           + f'if file.exists("nowhere") {{ {tell("then2")} }} else {{ {tell("else2")} }}\n'
                           + f'if file.size("nowhere") > 1B {{ {tell("then3")} }} else {{ {tell("else3")} }}\n')))
    scene.ends(30, "held").trace("a", "then", "else2", "back_a")


def parallel_runs_at_the_same_time(scene):
    meet = 'shell "touch {0}; n=0; while [ ! -e {1} ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done; test -e {1}" ' \
           'timeout 15s idempotent\n'
    scene.begin(plan(stage("a", tell("a") + "parallel {\n" + meet.format("left", "right")
                           + meet.format("right", "left") + "}\n" + tell("met")))).ends(0)
    scene.trace("a", "met")


def parallel_stops_the_others_when_one_fails(scene):
    scene.begin(plan(stage("a", tell("a") + """parallel {
        shell "sleep 20; touch late" timeout 25s idempotent
        shell "sleep 0.3; exit 1" timeout 5s idempotent
        }
        """))).ends(30, "held", seconds=15)
    scene.trace("a", "back_a")


def foreach_of_a_list_and_at_most(scene):
    scene.begin(plan(stage("a", tell("a") + """
        foreach n in [3, 1, 2] { shell "echo n${n} >> trace" timeout 5s idempotent }
        foreach line in lines(run.output("printf 'x\\ny z\\n'")) at most 4 {
            shell "echo [${line}] | tr ' ' _ >> trace" timeout 5s idempotent
        }
        foreach line in lines(run.output("printf '1\\n2\\n3\\n'")) at most 2 {
            shell "echo ${line} >> trace" timeout 5s idempotent
        }
        """))).ends(30, "held")
    scene.trace("a", "n3", "n1", "n2", "[x]", "[y_z]", "back_a")


def optional_and_retry(scene):
    scene.begin(plan(stage("a", tell("a") + """
        run "false" timeout 5s optional because "nobody needs it" idempotent
        shell "echo x >> tries; test $(wc -l < tries) -ge 3" timeout 5s retry 5 every 50ms idempotent
        """ + tell("b") + """
        shell "echo x >> others; false" timeout 5s retry 2 every 50ms idempotent
        """))).ends(30, "held")
    scene.trace("a", "b", "back_a")
    expect((scene.read("tries").count(b"x"), scene.read("others").count(b"x")), (3, 3), "attempts")


# ---- actions, backups, ways back --------------------------------------------------------------------

MODULE = """module mine
action inner(name: text) {
    let before = run.output("echo was-${name}") timeout 5s
    shell "echo do-${name} >> trace" timeout 5s idempotent
    undo { shell "echo undo-${name}-${before} >> trace" timeout 5s idempotent }
}
action outer(name: text) {
    do inner("${name}1")
    do inner("${name}2")
    undo { shell "echo undo-outer-${name} >> trace" timeout 5s idempotent }
}
action breaks() {
    shell "echo breaks >> trace; exit 1" timeout 5s idempotent
    shell "echo not-reached >> trace" timeout 5s idempotent
    undo { shell "echo undo-breaks >> trace" timeout 5s idempotent }
}
action never() {
    shell "echo never >> trace" timeout 5s idempotent
    undo { shell "echo undo-never >> trace" timeout 5s idempotent }
}
reading answer(plus: int): int = 40 + plus
"""


def do_and_undo_go_backwards(scene):
    scene.write("mine.rbk", MODULE)
    scene.begin(plan(stage("a", """
        do mine.inner("x")
        do mine.outer("y")
        foreach n in ["p", "q"] { do mine.inner(n) }
        check "a reading of one's own" mine.answer(2) == 42 timeout 5s
        do mine.breaks()
        do mine.never()
        """, rollback="undo"), use="use mine")).ends(30, "held")
    scene.trace("do-x", "do-y1", "do-y2", "do-p", "do-q", "breaks", "undo-breaks", "undo-q-was-q", "undo-p-was-p",
                "undo-outer-y", "undo-x-was-x")


def take_and_restore_a_backup(scene):
    scene.write("data", "before")
    scene.begin(plan(stage("a", 'shell "echo after > data; echo a >> trace" timeout 5s idempotent\n' + ABORT,
                           rollback="restore copy", more="prepare within 20s { take copy }"), head="""
        backup copy {
            let file = "copy-${run.id}"
            take within 10s { run "cp -- data ${file}" timeout 5s idempotent }
            verify within 10s { check "same" file.sha256(file) == file.sha256("data") timeout 5s }
            restore within 10s { run "cp -- ${file} data" timeout 5s idempotent }
        }""")).ends(30, "held")
    scene.holds("data", "before")


def strategies_are_tried_in_order(scene):
    scene.begin(f"""plan small {{
        stage a "A" {{
            unwatched because "a test"
            apply within 20s {{ {tell("a")} {ABORT} }}
            verify within 20s {{ {CHECK} }}
            rollback gone when not file.exists("trace") within 20s {{
                nothing because "it never began"
                verify {{ check "there is none" not file.exists("trace") timeout 5s }}
            }}
            rollback first when file.exists("trace") within 20s {{
                {tell("first")}
                verify {{ check "this one fails" file.exists("nowhere") timeout 5s }}
            }}
            rollback second within 20s {{
                {tell("second")}
                verify {{ {CHECK} }}
            }}
        }}
    }}""").ends(30, "held")
    scene.trace("a", "first", "second")


def nothing_takes_back_nothing(scene):
    scene.begin(f"""plan small {{
        stage a "A" {{
            unwatched because "a test"
            apply within 10s {{ shell "echo a >> other; exit 1" timeout 5s idempotent }}
            verify within 10s {{ {CHECK} }}
            rollback gone when not file.exists("trace") within 10s {{
                nothing because "it never began"
                verify {{ check "there is none" not file.exists("trace") timeout 5s }}
            }}
            rollback rest within 10s {{ {tell("rest")} verify {{ {CHECK} }} }}
        }}
    }}""").ends(30, "held")
    expect(scene.trace(), [], "nothing was done")


CASES = [each for name, each in list(globals().items())
         if callable(each) and getattr(each, "__module__", "") == "__main__"]

if __name__ == "__main__":
    play(CASES)
