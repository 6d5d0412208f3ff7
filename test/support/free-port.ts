/** TCP ports for those who must be told one, and cannot take any. */
import { createServer } from 'node:net'

/** A port on loopback where nobody listens now. */
export const freePort = (): Promise<number> => new Promise((resolve, reject) => {
  const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
    const address = server.address()
    server.close(() => { resolve(typeof address === 'object' && address !== null ? address.port : 0) })
  })
})
