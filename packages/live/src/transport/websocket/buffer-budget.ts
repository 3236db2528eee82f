import type { Socket } from './socket-server.ts'

export interface BufferBudget {
  /** What all sockets owe now, in bytes. */
  readonly bytes: number
  /** Cuts off the largest debtors until the others owe no more than the budget. */
  enforce(): void
}

export interface BufferBudgetOptions {
  /** The open sockets. */
  readonly sockets: () => Iterable<Socket>
  readonly maxBytes: number
  /** Told of each socket before it is cut off. */
  readonly onTooSlow: (socket: Socket, bytes: number) => void
}

/** Keeps what all sockets of a process have buffered within bounds, whoever wrote it. */
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
      const debtors = [...sockets()]
        .map((socket) => ({ socket, owes: socket.bufferedAmount }))
        .sort((a, b) => b.owes - a.owes)
      for (const { socket, owes } of debtors) {
        if (bytes <= maxBytes) return
        onTooSlow(socket, owes)
        // A closing handshake would stand behind what the client does not take, and keep it in memory.
        socket.terminate()
        bytes -= owes
      }
    },
  }
}
