/** What --help prints. */

export const usage = `ofswitchd: an OpenFlow switch that forwards through a P4Runtime target

usage: ofswitchd [options]                run the switch
       ofswitchd quick-start [options]    try it: simulated hosts and an example controller; needs no root
       ofswitchd target [options]         run the embedded P4 target alone, as a P4Runtime server
       ofswitchd reload --pidfile FILE    let a running switch read its configuration again (SIGHUP)

options
  --target embedded|HOST:PORT   the P4 target: in this process, or a P4Runtime server (default embedded)
  --device-id NUMBER            P4Runtime device id (default 1)
  --datapath-id ID              16 hexadecimal digits, 0x… or decimal (default 0000000000000001)
  --port NUMBER@INTERFACE       a port of the switch, 1@eth0; repeat it for each. For NORMAL also 1@eth0,tag=10 and
                                2@eth1,trunks=1+10-20,vlan-mode=native-untagged,tag=1
  --controller CONNECTION       tcp:HOST[:PORT], ssl:HOST[:PORT] or unix:PATH; repeatable (port 6653 where it is left out)
  --listen CONNECTION           ptcp:[PORT][:HOST], pssl:[PORT][:HOST] or punix:PATH, for ovs-ofctl and the like; repeatable
  --private-key FILE            for ssl: and pssl:, the switch's private key
  --certificate FILE            … its certificate
  --ca-cert FILE                … and the certificates of the authorities whose peers are trusted
  --bootstrap-ca-cert FILE      in place of --ca-cert: believe the first controller, keep its authority there
  --rundir DIR                  sockets for ovs-ofctl NAME and ovs-appctl go there (default $OVS_RUNDIR, else none)
  --bridge NAME                 what they call the switch (default br0)
  --control-name NAME           and what ovs-appctl -t calls the program (default ofswitchd)
  --protocols LIST              OpenFlow versions to offer (default OpenFlow10 to OpenFlow15, all)
  --fail-mode MODE              while no controller is there: secure keeps the flows (default), standalone flushes them
                                and forwards as an ordinary learning switch, where the pipeline can do NORMAL
  --config FILE                 YAML file with these settings and more; an option replaces the file's key
  --log-level LEVEL             trace, debug, info, warn, error, fatal or silent (default info)
  --check-config                only check the options and the file
  --pidfile FILE                write the process id there while running
  --version
  --help                        also after quick-start and target

exit status: 0 after SIGTERM or SIGINT, 1 when something failed while running, 2 for a mistake in options or file
`

export const quickStartUsage = `usage: ofswitchd quick-start [--controller CONNECTION]… [--listen CONNECTION]… [--log-level LEVEL]

Runs a switch with the embedded target, four simulated hosts and an example controller, until Ctrl-C.

  --controller CONNECTION   a controller of yours that takes over once it is there (default tcp:127.0.0.1:6653)
  --listen CONNECTION       where ovs-ofctl can connect (default ptcp:6654:127.0.0.1, or the next free port)
  --log-level LEVEL         (default warn)
`

export const reloadUsage = `usage: ofswitchd reload --pidfile FILE

Lets the running switch with this pidfile read its configuration again, as SIGHUP does: controllers, listeners and their
settings, ports, TLS files and the log level change; flows and connections that are not concerned stay.
`

export const targetUsage = `usage: ofswitchd target [--listen HOST:PORT] [--device-id NUMBER] [--port NUMBER@INTERFACE]… [--log-level LEVEL] [--pidfile FILE]

Runs the embedded P4 target as a P4Runtime server; the program comes from the client (ofswitchd --target HOST:PORT).

  --listen HOST:PORT        (default 127.0.0.1:9559)
  --device-id NUMBER        P4Runtime device id (default 1)
  --port NUMBER@INTERFACE   a port; NUMBER is that of the P4 target, 1 to 510
`
