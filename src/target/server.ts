/** The embedded target as a P4Runtime server for clients in other processes. */
import type { P4RuntimeService } from '../p4proto/service.js'
import { spawnTarget } from './spawn.js'
import type { SpawnTargetOptions } from './spawn.js'

export interface TargetServerOptions extends SpawnTargetOptions {
  /** host:port or unix:path. */
  readonly address: string
  /** Offers a service over gRPC; the layer that brings target and gRPC together passes it in. */
  readonly serve: (service: P4RuntimeService, address: string) => Promise<{ readonly port: number; close(): Promise<void> }>
}
export interface TargetServer {
  /** The port that was bound. */
  readonly port: number
  readonly failed: Promise<Error>
  close(): Promise<void>
}

/** Rejects with SwitchError where ports cannot be opened or the address cannot be bound. */
export const runTargetServer = async (options: TargetServerOptions): Promise<TargetServer> => {
  const target = await spawnTarget(options)
  try {
    const server = await options.serve(target, options.address)
    options.log?.info({ address: options.address, port: server.port }, 'the embedded target serves P4Runtime')
    return {
      port: server.port,
      failed: target.failed,
      close: async () => {
        await server.close()
        await target.close()
      },
    }
  } catch (error) {
    await target.close()
    throw error
  }
}
