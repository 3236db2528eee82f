import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'

const lowest = 10_240
const attempts = 100

/**
 * A port of 127.0.0.1 that nobody listens on now. It lies below the range from which the system takes the near ends of
 * outgoing connections: in that range a client that knocks at a stopped server can be given the very port it knocks
 * at, connect to itself, and so keep the server from coming back.
 */
export async function freePort(): Promise<number> {
  const end = await firstOutgoingPort()
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(lowest, end)
    if (await canListen(port)) return port
  }
  throw new Error(`No free port found on 127.0.0.1: ${attempts} ports between ${lowest} and ${end} are taken`)
}

async function firstOutgoingPort(): Promise<number> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '')
  const first = Number.parseInt(range, 10)
  return first > lowest + attempts ? first : 32_768
}

async function canListen(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = createServer()
  probe.once('error', () => resolve(false))
  probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  return promise
}
