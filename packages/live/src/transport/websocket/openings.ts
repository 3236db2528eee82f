import { randomUUID } from 'node:crypto'
import { type RequestHead, requestHead } from './frames.ts'

/** A subscription's first message, by which the encoder learns the id of its request. */
export interface Opening {
  /** The message's own id: a cursor, and behind `~` what makes it the only one. */
  readonly id: string
  /** Known as soon as the message has been encoded. */
  request(): RequestHead | undefined
  /** Forgets it; when it has been encoded, or will not be. */
  close(): void
}

export interface Openings {
  open(cursor: string): Opening
  /** Shown every message that is encoded. */
  see(message: unknown): void
}

/** Clients number their requests, so most heads are the same few: one text for all is compared at a glance. */
const maxSharedHeads = 256

export function createOpenings(): Openings {
  const heads = new Map<RequestHead, RequestHead>()
  const shared = (head: RequestHead) => {
    if (heads.size >= maxSharedHeads) heads.clear()
    heads.set(head, heads.get(head) ?? head)
    return heads.get(head)!
  }
  const pending = new Map<string, (request: RequestHead) => void>()
  return {
    open(cursor) {
      const id = `${cursor}~${randomUUID()}`
      let request: RequestHead | undefined
      pending.set(id, (head) => {
        request = head
      })
      return {
        id,
        request: () => request,
        close: () => void pending.delete(id),
      }
    },
    see(message) {
      if (pending.size === 0) return
      const { id, jsonrpc, result } = message as { id?: unknown; jsonrpc?: unknown; result?: { id?: unknown } }
      if (typeof result?.id === 'string') pending.get(result.id)?.(shared(requestHead({ id, jsonrpc })))
    },
  }
}
