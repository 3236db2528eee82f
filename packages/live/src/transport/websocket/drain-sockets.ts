import { sleep } from '@commitcast/worker'
import type { DrainOptions } from '../drain-options.ts'
import { paced } from '../paced.ts'
import type { MovableSocket } from './guarded-socket.ts'
import type { Socket } from './socket-server.ts'

/** How a drain went, in sockets. */
export interface Drained {
  /** Asked to move. */
  readonly notified: number
  /** Still open at the deadline, and closed with 1012. */
  readonly closed: number
}

/** How long clients have for the closing handshake. */
const closingMs = 500

/**
 * Moves clients to another node. Each is asked to reconnect, at a pace and in random order, so that the others are not run
 * over; tRPC's client opens its new socket first, and closes the old one when its subscriptions run on the new one. Resolves
 * when none of the sockets that `begin` gave is open; `begin` is called when the first is about to be asked.
 */
export async function drainSockets(
  begin: () => Iterable<MovableSocket>,
  { afterMs = 0, overMs = 2_000, deadlineMs = 2_000, signal }: DrainOptions = {},
): Promise<Drained> {
  await sleep(afterMs, signal)
  const all = [...begin()]
  const gone = Promise.all(all.map(({ socket }) => closed(socket)))
  let notified = 0
  await paced(all, { overMs, signal }, (guarded) => {
    if (!isOpen(guarded.socket)) return
    guarded.handOver()
    notified++
  })
  await Promise.race([gone, sleep(deadlineMs, signal)])
  const late = all.filter(({ socket }) => isOpen(socket))
  for (const guarded of late) guarded.close('restarting')
  await Promise.race([gone, sleep(closingMs)])
  for (const { socket } of all) socket.terminate()
  return { notified, closed: late.length }
}

function isOpen(socket: Socket): boolean {
  return socket.readyState === socket.OPEN
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState === socket.CLOSED) resolve()
    else socket.once('close', () => resolve())
  })
}
