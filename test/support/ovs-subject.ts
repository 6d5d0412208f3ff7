/**
 * Open vSwitch as a subject: a private ovsdb-server and ovs-vswitchd in a temporary folder, userspace datapath, one
 * bridge `br0`, fail mode secure. Needs no service, no kernel module and nothing in /etc.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must, onPath, until } from './netns-process.js'
import type { Namespace } from './netns.js'
import { ofctl } from './ovs-ofctl.js'
import { DATAPATH_ID, LISTEN_PORT, type Subject } from './subject.js'

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'

export const openVSwitchSubject: Subject = {
  name: 'Open vSwitch',
  versions: ['OpenFlow10', 'OpenFlow11', 'OpenFlow12', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15'],

  whyNot() {
    const missing = ['ovs-vswitchd', 'ovsdb-server', 'ovsdb-tool', 'ovs-vsctl', 'ovs-ofctl'].filter((name) => onPath(name) === undefined)
    return missing.length === 0 ? undefined : `Open vSwitch is not installed (${missing.join(', ')})`
  },

  async start(sandbox, namespace, options) {
    const folder = mkdtempSync(join(tmpdir(), 'ofs-ovs-'))
    sandbox.onClose(async () => rmSync(folder, { recursive: true, force: true }))
    const env = { ...process.env, OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder }
    const database = join(folder, 'db.sock')
    await must('ovsdb-tool', ['create', join(folder, 'conf.db'), SCHEMA], { env })
    const server = namespace.daemon('ovsdb-server', 'ovsdb-server',
      [join(folder, 'conf.db'), `--remote=punix:${database}`, `--unixctl=${join(folder, 'db.ctl')}`], env)
    const vsctl = (...args: string[]): Promise<string> => namespace.must('ovs-vsctl', [`--db=unix:${database}`, ...args], { env })
    await until(() => `ovsdb-server: ${server.log}`, async () =>
      (await namespace.run('ovs-vsctl', [`--db=unix:${database}`, '--no-wait', 'init'], { env })).code === 0)
    const daemon = namespace.daemon('ovs-vswitchd', 'ovs-vswitchd', [`unix:${database}`, '--pidfile', '-vconsole:info'], env)
    // Its own captures are for ports of a simulation only.
    if (options.capture !== undefined) for (const port of options.ports) await capture(namespace, `p${port}`, join(options.capture, `p${port}.pcap`))

    const controllers = [`ptcp:${LISTEN_PORT}:127.0.0.1`, ...options.controllers ?? []]
    await vsctl('--no-wait', 'set', 'open_vswitch', '.', 'other_config:vlan-limit=2')
    await vsctl('add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev', 'fail-mode=secure',
      `other-config:datapath-id=${options.datapathId ?? DATAPATH_ID}`,
      `protocols=${openVSwitchSubject.versions.join(',')}`,
      ...options.ports.flatMap((port) =>
        ['--', 'add-port', 'br0', `p${port}`, '--', 'set', 'interface', `p${port}`, `ofport_request=${port}`]),
      ...controllers.flatMap((target, index) => ['--', `--id=@c${index}`, 'create', 'controller', `target="${target}"`,
        'connection_mode=out-of-band', 'max_backoff=1000']),
      '--', 'set', 'bridge', 'br0', `controller=[${controllers.map((_, index) => `@c${index}`).join(',')}]`)
    const listener = `tcp:127.0.0.1:${LISTEN_PORT}`
    await until(() => `Open vSwitch to listen: ${daemon.log}`, async () => (await ofctl(namespace, listener, ['show', 'TARGET'])).code === 0)

    return {
      subject: openVSwitchSubject,
      namespace,
      listener,
      listenPort: LISTEN_PORT,
      processes: [server, daemon],
      rundir: folder,
      appctl: (args) => namespace.run('ovs-appctl', args, { env }),
      ofctl: (args, runOptions) => ofctl(namespace, listener, args, runOptions),
      // Statistics live in the datapath's cache until the revalidator has collected them; a port's configuration holds from
      // the next turn of the main loop, and the second command is answered in a later turn than the first.
      settle: async () => { for (let turn = 0; turn < 2; turn++) await namespace.must('ovs-appctl', ['revalidator/purge'], { env }) },
      log: () => daemon.log,
    }
  },
}

async function capture(namespace: Namespace, name: string, file: string): Promise<void> {
  const dump = namespace.daemon(`tcpdump on ${name}`, 'tcpdump', ['-Z', 'root', '-i', name, '-n', '-U', '--immediate-mode', '-w', file])
  await until(() => `tcpdump to listen: ${dump.log}`, () => dump.log.includes('listening'))
}
