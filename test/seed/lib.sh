# Sourced by the scripts of this folder: shows each command with what it prints, as an operator's screen would.
#
# The commands are those of the operator's notes, unchanged. OVS_RUNDIR names the run directory of the switch under test: that of a
# private Open vSwitch, or that of ofswitchd started with --control-name ovs-vswitchd.

# In a container everybody is root already.
command -v sudo > /dev/null || sudo () { "$@"; }

# Runs a command and shows both; its status is told where it is not 0.
show () {
  echo "\$ $*"
  local status=0
  "$@" 2>&1 || status=$?
  [ "$status" = 0 ] || echo "(exit status $status)"
}

# Repeats a command until it succeeds, for at most the given number of seconds.
within () {
  local until=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$until" ] || { echo "never succeeded: $*"; return 1; }
    sleep 0.1
  done
}

dump-flows () {
  ovs-ofctl -OOpenFlow13 --names --no-stat dump-flows "$@" \
    | sed 's/cookie=0x5adc15c0, //'
}

save-flows () {
  ovs-ofctl -OOpenFlow13 --no-names --sort dump-flows "$@"
}

diff-flows () {
  ovs-ofctl -OOpenFlow13 diff-flows "$@" | sed 's/cookie=0x5adc15c0 //'
}
