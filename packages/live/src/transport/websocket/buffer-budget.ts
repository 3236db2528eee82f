import type { Socket } from './socket-server.ts'

export interface BufferBudget {
  /** What all sockets have buffered now, in bytes. */
  readonly bytes: number
  /** Cuts off the sockets with the most until the others have no more than the budget. */
  enforce(): void
}

export interface BufferBudgetOptions {
  /** The open sockets. */
  readonly sockets: () => Iterable<Socket>
  readonly maxBytes: number
  /** Called for each socket before it is cut off. */
  readonly onTooSlow: (socket: Socket, bytes: number) => void
}

/** Keeps what all sockets of a process have buffered within bounds, frames of ours or not. */
export function createBufferBudget({ sockets, maxBytes, onTooSlow }: BufferBudgetOptions): BufferBudget {
  const sum = () => {
    let bytes = 0
    for (const socket of sockets()) bytes += socket.bufferedAmount
    return bytes
  }
  return {
    get bytes() {
      return sum()
    },
    enforce() {
      let bytes = sum()
      if (bytes <= maxBytes) return
      const fullest = [...sockets()]
        .map((socket) => ({ socket, buffered: socket.bufferedAmount }))
        .sort((a, b) => b.buffered - a.buffered)
      for (const { socket, buffered } of fullest) {
        if (bytes <= maxBytes) return
        onTooSlow(socket, buffered)
        // A closing handshake would stand behind what the client does not take, and keep it in memory.
        socket.terminate()
        bytes -= buffered
      }
    },
  }
}
