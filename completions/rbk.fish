# fish completion for rbk
set -l commands run resume status log report runs approve deny attest answer pause continue abort cancel retry \
    resolve resend signal alert serve token help
set -l asks approve deny attest answer pause continue abort cancel retry resolve signal alert

# Of the store that the line names, else of the user's own.
function __rbk_runs
    set -l store
    set -l words (commandline -opc)
    for i in (seq (count $words))
        contains -- $words[$i] -s --store; and set store --store $words[(math $i + 1)]
    end
    command rbk runs $store 2>/dev/null | awk 'NR > 1 { print $1 "\t" $2 }'
end

complete -c rbk -f
complete -c rbk -s s -l store -r -F -d 'the store'
complete -c rbk -s h -l help -d 'help'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a run -d 'carry out a plan or a machine'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a resume -d 'go on with a run'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a status -d 'where a run stands'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a log -d 'what happened'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a report -d 'a run from its first to its last event'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a runs -d 'all runs'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a approve -d 'say yes to a question'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a deny -d 'say no to a question'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a attest -d 'state that something is so'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a answer -d 'answer a question'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a pause -d 'start nothing new'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a continue -d 'let a paused run go on'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a abort -d 'roll back what stands applied'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a cancel -d 'end a run while nothing stands'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a retry -d 'try a held or stuck stage again'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a resolve -d 'what became of a step in doubt'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a resend -d 'send a message that was set aside again'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a signal -d 'give a signal'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a alert -d 'set an alert'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a serve -d 'answer over HTTP'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a token -d 'who may speak to rbk serve'
complete -c rbk -n "not __fish_seen_subcommand_from $commands" -a help -d 'what a command takes'
complete -c rbk -n '__fish_seen_subcommand_from help' -a "$commands"

complete -c rbk -n '__fish_seen_subcommand_from run' -k -a '(__fish_complete_suffix .rbk .rbkm)'
complete -c rbk -n '__fish_seen_subcommand_from run' -l set -x -d 'a parameter: NAME=VALUE'
complete -c rbk -n '__fish_seen_subcommand_from run' -l params -r -F -d 'parameters as JSON'
complete -c rbk -n '__fish_seen_subcommand_from run' -s C -l directory -x -a '(__fish_complete_directories)'
complete -c rbk -n '__fish_seen_subcommand_from run' -l unrehearsed -x -d 'start without a rehearsal'
complete -c rbk -n '__fish_seen_subcommand_from run' -l url -x -d 'where rbk serve shows runs, for links'
complete -c rbk -n '__fish_seen_subcommand_from run' -l arm-only -d 'read every trigger once, start nothing'
complete -c rbk -n '__fish_seen_subcommand_from run resume' -l plain -d 'lines on a terminal too'
complete -c rbk -n '__fish_seen_subcommand_from run resume' -l no-wait -d 'end when held, paused or stuck'
complete -c rbk -n '__fish_seen_subcommand_from run resume status log runs' -l json -d 'for programs'
complete -c rbk -n '__fish_seen_subcommand_from log' -s f -l follow -d 'until the run has ended'
complete -c rbk -n '__fish_seen_subcommand_from report' -l format -x -a 'md html json'
complete -c rbk -n '__fish_seen_subcommand_from report' -s o -l output -r -F -d 'where to write it'
complete -c rbk -n "__fish_seen_subcommand_from $asks" -s m -l reason -x -d 'why'
complete -c rbk -n "__fish_seen_subcommand_from resend $asks" -l no-wait -d 'do not wait for the reply'
complete -c rbk -n "__fish_seen_subcommand_from resume status log report resend $asks" -a '(__rbk_runs)'
complete -c rbk -n '__fish_seen_subcommand_from answer' -a 'yes no done not-done abort rollback pause ignore continue cancel'
complete -c rbk -n '__fish_seen_subcommand_from resolve' -a 'done not-done'
complete -c rbk -n '__fish_seen_subcommand_from alert' -a 'firing resolved'
complete -c rbk -n '__fish_seen_subcommand_from alert' -s l -l label -x -d 'a label: NAME=VALUE'
complete -c rbk -n '__fish_seen_subcommand_from serve' -l listen -x -d 'where to listen: ADDRESS:PORT'
complete -c rbk -n '__fish_seen_subcommand_from serve' -l tls-cert -r -F -d 'the certificate'
complete -c rbk -n '__fish_seen_subcommand_from serve' -l tls-key -r -F -d 'its key'
complete -c rbk -n '__fish_seen_subcommand_from serve' -l behind-proxy -d 'a proxy does TLS'
complete -c rbk -n '__fish_seen_subcommand_from serve' -l host -x -d 'a name clients call it by'
complete -c rbk -n '__fish_seen_subcommand_from serve' -l openapi -d 'print the description of the API'
complete -c rbk -n '__fish_seen_subcommand_from token' -a 'create list revoke'
complete -c rbk -n '__fish_seen_subcommand_from token' -l person -x -d 'who acts'
complete -c rbk -n '__fish_seen_subcommand_from token' -l role -x -d 'only for this role'
complete -c rbk -n '__fish_seen_subcommand_from token' -l expires -x -d 'when it ends: 8h, 30d'
complete -c rbk -n '__fish_seen_subcommand_from token' -l read-only -d 'it may only look'
complete -c rbk -n '__fish_seen_subcommand_from token' -l alerts-only -d 'it may only send alerts'
complete -c rbk -n '__fish_seen_subcommand_from token' -l json -d 'for programs'
