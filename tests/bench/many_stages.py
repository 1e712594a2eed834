"""A plan of 50 stages, 20 triggers and 10 gates, for exploration."""

STAGES = 50


def plan_text():
    """The text of the plan; it breaks no rule."""
    out = ["plan many {", '    connection db = postgres("postgresql://localhost/many")',
           '    role dba { contact "dba@example.com" members "dana", "dirk" }',
           '    role ops { contact "ops@example.com" members "olga", "otto" }',
           "    escalate stuck to dba, then ops after 10m",
           "    probe load = host.load() every 5s",
           "    severity critical then abort",
           "    severity high then abort with approval of dba within 2m else abort",
           "    severity medium then ask dba within 5m else abort"]
    reactions = ("then abort", "then pause", "critical", "high", "medium")
    for i in range(10):
        reaction = reactions[i % 5]
        kind, when = ("", " " + reaction) if reaction.startswith("then") else (f" {reaction}", "")
        out.append(f'    probe health_{i} = http.status("http://localhost/{i}") every 5s timeout 2s')
        out.append(f"    trigger t{i}{kind} when health_{i} > 500 for 3 readings{when} missing hold 2m then pause")
    out.append('    abort when rollbacks > 3 "too many"')
    out.append('    abort on signal integrity "bad data"')
    for i in range(STAGES):
        count = f'sql.value(db, "SELECT count(*) FROM t{i}")'
        out.append(f'    stage s{i} "Stage {i}" {{')
        if i % 5 == 0:
            out.append("        approve dba, ops within 30m else abort")
        if i % 5 == 2:
            out.append(f"        trigger own_{i} when load > {i + 1} then rollback missing hold 5m then pause")
        out.append(f"        prepare within 5m {{ let before_{i} = {count} }}")
        out.append("        apply within 10m {")
        out.append(f'            sql db "INSERT INTO t{i} VALUES (1)" timeout 2m')
        out.append(f'            run "deploy {i}" timeout 2m retry 2 every 5s in doubt ask dba within 5m else abort')
        out.append("        }")
        out.append(f'        verify within 5m {{ check "rows" {count} == before_{i} retry 3 every 5s timeout 1m }}')
        if i % 3 == 0:
            out.append(f'        rollback down when sql.value(db, "SELECT {i}") == {i} within 5m {{')
            out.append(f'            sql db "DELETE FROM t{i} WHERE x = 1" timeout 2m')
            out.append(f'            verify {{ check "back" {count} == before_{i} timeout 1m }}')
            out.append("        }")
        out.append("        rollback within 5m {")
        out.append(f'            run "undeploy {i}" timeout 2m idempotent')
        out.append(f'            verify {{ check "gone" {count} == before_{i} timeout 1m }}')
        out.append("        }")
        out.append("    }")
    return "\n".join(out + ["    observe 1h", "    grace 24h", "}"]) + "\n"
