/** Reads a P4Runtime target and prints what it holds as JSON: for a target in a namespace. Usage: print-target.js HOST:PORT */
import { GrpcService } from '../../src/p4runtime/index.js'
import { describeTarget } from './target-contents.js'

const service = new GrpcService(process.argv[2] ?? '')
const { entries, meters, unused, defaults } = await describeTarget(service)
await service.close()
process.stdout.write(JSON.stringify({ entries, meters, unused, defaults: [...defaults] }))
