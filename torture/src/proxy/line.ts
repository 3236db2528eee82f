import type { Socket } from 'node:net'

/** One connection between a client and a server, as those see it who want to harm it. */
export interface Line {
  /** Client to server: returns what goes on. */
  onRequest: (bytes: Buffer) => Buffer
  /** Server to client: returns what goes on. */
  onReply: (bytes: Buffer) => Buffer
  /** Sends the client something that was kept from it. */
  answer(bytes: Buffer): void
  /** From now on takes nothing more from the server, as a client that does not read; or goes on. */
  stall(isStalled: boolean): void
  /**
   * From now on passes nothing on, in either direction, not even an end, as a firewall that forgot the connection. The server
   * gives its side up after `serverMs`, as by TCP keep-alive.
   */
  silence(serverMs: number): void
  /** Ends both sides at once, without a word. */
  cut(): void
}

/** Joins a client with a server. `onGone` is called when the line ends, by whomever; more than once. */
export function joinSockets(client: Socket, server: Socket, onGone: (line: Line) => void): Line {
  let isStalled = false
  let isSilent = false
  const line: Line = {
    onRequest: (bytes) => bytes,
    onReply: (bytes) => bytes,
    answer(bytes) {
      if (!client.destroyed) client.write(bytes)
    },
    stall(stalled) {
      isStalled = stalled
      if (stalled) server.pause()
      else server.resume()
    },
    silence(serverMs) {
      isSilent = true
      line.onRequest = line.onReply = () => Buffer.alloc(0)
      onGone(line)
      setTimeout(() => {
        isSilent = false
        line.cut()
      }, serverMs).unref()
    },
    cut() {
      if (isSilent) return
      client.destroy()
      // What was passed on still reaches the server.
      server.destroySoon()
      onGone(line)
    },
  }
  carry(client, server, { change: (bytes) => line.onRequest(bytes), isHeld: () => false })
  carry(server, client, { change: (bytes) => line.onReply(bytes), isHeld: () => isStalled })
  for (const side of [client, server]) side.on('error', line.cut).on('close', line.cut)
  return line
}

interface Carrying {
  readonly change: (bytes: Buffer) => Buffer
  /** Whether somebody else wants nothing to flow. */
  readonly isHeld: () => boolean
}

function carry(from: Socket, to: Socket, { change, isHeld }: Carrying): void {
  from.on('data', (bytes) => {
    const passed = change(bytes)
    if (passed.length === 0 || to.destroyed || to.writableEnded) return
    if (!to.write(passed)) {
      from.pause()
      to.once('drain', () => isHeld() || from.resume())
    }
  })
}
