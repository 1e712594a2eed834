# fish completion for rbkc
complete -c rbkc -n __fish_use_subcommand -f -a 'check build emit explain explore fmt graph review runbook times'
complete -c rbkc -n '__fish_seen_subcommand_from check' -s f -l format -x -a 'human gcc json sarif github markdown'
complete -c rbkc -n '__fish_seen_subcommand_from check' -l fail-on -x -a 'error warning note'
complete -c rbkc -n '__fish_seen_subcommand_from check' -l fix
complete -c rbkc -n '__fish_seen_subcommand_from check' -s n -l dry-run
complete -c rbkc -n '__fish_seen_subcommand_from check' -s s -l syntax
complete -c rbkc -n '__fish_seen_subcommand_from check' -l no-explore
complete -c rbkc -n '__fish_seen_subcommand_from check' -l dump -x -a tree
complete -c rbkc -n '__fish_seen_subcommand_from build' -s o -l output -r -F
complete -c rbkc -n '__fish_seen_subcommand_from build' -l stdout
complete -c rbkc -n '__fish_seen_subcommand_from emit' -s p -l promela
complete -c rbkc -n '__fish_seen_subcommand_from emit' -s o -l output -r -F
complete -c rbkc -n '__fish_seen_subcommand_from explain' -f -a '(rbkc explain 2>/dev/null | string match -r "^RBK\d+")'
complete -c rbkc -n '__fish_seen_subcommand_from check explore' -l states -x
complete -c rbkc -n '__fish_seen_subcommand_from explore' -l memory -x
complete -c rbkc -n '__fish_seen_subcommand_from explore' -s f -l format -x -a 'human json'
complete -c rbkc -n '__fish_seen_subcommand_from fmt' -s c -l check
complete -c rbkc -n '__fish_seen_subcommand_from fmt' -s d -l diff
complete -c rbkc -n '__fish_seen_subcommand_from graph' -s f -l format -x -a 'dot svg mermaid'
complete -c rbkc -n '__fish_seen_subcommand_from graph' -s s -l stages
complete -c rbkc -n '__fish_seen_subcommand_from graph' -s o -l output -r -F
complete -c rbkc -n '__fish_seen_subcommand_from review' -s a -l against -r -F -a '(git for-each-ref --format="%(refname:short)" 2>/dev/null)'
complete -c rbkc -n '__fish_seen_subcommand_from review' -l fail-on-weaker
complete -c rbkc -n '__fish_seen_subcommand_from review' -l whole
complete -c rbkc -n '__fish_seen_subcommand_from review runbook' -s o -l output -r -F
complete -c rbkc -n '__fish_seen_subcommand_from runbook' -s f -l format -x -a 'markdown html'
complete -c rbkc -n '__fish_seen_subcommand_from times' -s f -l format -x -a 'human json'
