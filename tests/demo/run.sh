#!/bin/sh
# run.sh BUILD - a supervisor in the foreground with the examples installed, to play with.
set -eu
build=$(realpath "$1")
. "$(dirname "$0")/stage.sh"
trap 'end_stage' EXIT
trap 'exit 0' INT TERM

make_stage "[lifecycle]
suspend_after=5s"
start_daemon
install_examples
cat <<END

The supervisor runs; Ctrl-C ends it and its apps. In another terminal:

  export MINIPROG_CONTROL=$MINIPROG_CONTROL
  alias mp=$miniprogctl

  mp list                        mp watch
  mp open org.example.clock      mp logs org.example.clock -f
  mp hide org.example.clock      mp status org.example.clock
  mp warn 10                     mp open org.example.crasher crash
  mp why org.example.crasher     mp close org.example.clock

END
tail -n +1 -f "$base/miniprogd.log" --pid "$daemon"
