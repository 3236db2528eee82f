import type { Line } from './line.ts'
import { createStatementReader, createWire } from './postgres-wire.ts'

/** Takes replies of a Postgres server from those who wait for them. */
export interface ReplyThief {
  /** Watches a new connection; several thieves may. */
  watch(line: Line): void
  /** The reply to the next such statement that did something never arrives: what it did is done, and then the line is cut. */
  loseNext(timeoutMs: number): Promise<boolean>
  /** The same reply is kept until it is handed over. */
  keepNext(timeoutMs: number): Promise<KeptReply | undefined>
}

interface KeptReply {
  /** The process that waits for it, by its `application_name`: letters, `-` and its id. */
  readonly pid: number
  handOver(): void
}

interface TakenReply extends KeptReply {
  lose(): void
}

/** A thief of the replies to statements that match `statement`; without `needsRows: false` of those only that return rows. */
export function createReplyThief(
  statement: RegExp,
  { needsRows = true }: { readonly needsRows?: boolean } = {},
): ReplyThief {
  const takers: ((reply: TakenReply) => void)[] = []

  const watch = (line: Line) => {
    const requests = createWire({ isClient: true })
    const textOf = createStatementReader()
    const { onRequest, onReply } = line
    let held: Reply | undefined
    let pid = 0
    line.onRequest = (bytes) => {
      const messages = requests(bytes)
      for (const { kind, body } of messages) if (kind === '') pid = pidIn(body)
      const texts = messages.map(textOf)
      if (takers.length > 0 && !held && texts.some((text) => text !== undefined && statement.test(text)))
        held = createReply()
      return onRequest(bytes)
    }
    line.onReply = (given) => {
      const bytes = onReply(given)
      if (!held) return bytes
      const { isWhole, hasRows, all } = held.add(bytes)
      if (!isWhole) return Buffer.alloc(0)
      held = undefined
      const take = (hasRows || !needsRows) && takers.shift()
      if (!take) return all
      take({ pid, handOver: () => line.answer(all), lose: line.cut })
      return Buffer.alloc(0)
    }
  }

  const next = (timeoutMs: number) =>
    new Promise<TakenReply | undefined>((resolve) => {
      const take = (reply: TakenReply) => {
        clearTimeout(timer)
        resolve(reply)
      }
      const timer = setTimeout(() => {
        takers.splice(takers.indexOf(take), 1)
        resolve(undefined)
      }, timeoutMs)
      takers.push(take)
    })

  return {
    watch,
    keepNext: next,
    async loseNext(timeoutMs) {
      const reply = await next(timeoutMs)
      reply?.lose()
      return reply !== undefined
    },
  }
}

/** A client's first message holds its parameters. */
function pidIn(startup: Buffer): number {
  return Number(/application_name\0[a-z-]*(\d+)\0/.exec(startup.toString('latin1'))?.[1] ?? 0)
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
