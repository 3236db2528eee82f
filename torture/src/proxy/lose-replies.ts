import { createStatementReader, createWire } from './postgres-wire.ts'
import type { Line } from './tcp-proxy.ts'

/** Swallows replies of a Postgres server. */
export interface ReplyThief {
  /** Watches a new connection. */
  watch(line: Line): void
  /** The reply to the next such statement that did something never arrives: what it did is done, and then the line is cut. */
  loseNext(timeoutMs: number): Promise<boolean>
}

/** A thief of the replies to statements that match `statement` and return rows. */
export function createReplyThief(statement: RegExp): ReplyThief {
  let armed: (() => void) | undefined

  const watch = (line: Line) => {
    const requests = createWire({ isClient: true })
    const textOf = createStatementReader()
    let held: Reply | undefined
    line.onRequest = (bytes) => {
      const texts = requests(bytes).map(textOf)
      if (armed && !held && texts.some((text) => text !== undefined && statement.test(text))) held = createReply()
      return bytes
    }
    line.onReply = (bytes) => {
      if (!held) return bytes
      const { isWhole, hasRows, all } = held.add(bytes)
      if (!isWhole) return Buffer.alloc(0)
      held = undefined
      if (!hasRows || !armed) return all
      armed()
      line.cut()
      return Buffer.alloc(0)
    }
  }

  return {
    watch,
    loseNext: (timeoutMs) =>
      new Promise((resolve) => {
        const settle = (lost: boolean) => {
          clearTimeout(timer)
          armed = undefined
          resolve(lost)
        }
        const timer = setTimeout(() => settle(false), timeoutMs)
        armed = () => settle(true)
      }),
  }
}

interface Reply {
  add(bytes: Buffer): { isWhole: boolean; hasRows: boolean; all: Buffer }
}

/** A reply is whole at ReadyForQuery, so its transaction has ended by then. */
function createReply(): Reply {
  const read = createWire({ isClient: false })
  const parts: Buffer[] = []
  let hasRows = false
  return {
    add(bytes) {
      parts.push(bytes)
      const kinds = read(bytes).map(({ kind }) => kind)
      hasRows ||= kinds.includes('D')
      return { isWhole: kinds.includes('Z'), hasRows, all: Buffer.concat(parts) }
    },
  }
}
