import type { Msg } from 'nats'

const version = 'NATS/1.0'
const lineEnd = '\r\n'

/** The headers before a message's data. */
export interface HeaderLines {
  /** The status of a message of the server's own: 100 for a heartbeat; 0 for a published message. */
  readonly code: number
  readonly description: string
  /** Calls back with each header, in their order. */
  forEach(visit: (name: string, value: string) => void): void
}

/**
 * Reads a message's headers from their own lines, which stand before the data in the bytes that arrived (`HMSG`,
 * docs.nats.io, "NATS Protocol"): the client's `headers` checks and copies each of them several times, which is a good part
 * of what reading costs. Where the bytes are not as expected, it is `headers`.
 */
export function readHeaderLines(msg: Msg): HeaderLines {
  const text = headerText(msg)
  if (text !== undefined) return { code: 0, description: '', forEach: (visit) => visitLines(text, visit) }
  const { headers } = msg
  return {
    code: headers?.code ?? 0,
    description: headers?.description ?? '',
    forEach(visit) {
      for (const [name, values] of headers ?? []) visit(name, values[0] ?? '')
    },
  }
}

function visitLines(text: string, visit: (name: string, value: string) => void): void {
  for (let start = version.length + 2; ; ) {
    const end = text.indexOf(lineEnd, start)
    const colon = text.indexOf(':', start)
    if (end <= start || colon === -1 || colon > end) return
    visit(text.slice(start, colon), text.slice(colon + 1, end).trim())
    start = end + 2
  }
}

/** The lines of a published message. Values are ASCII: ours are percent-encoded. */
function headerText(msg: Msg): string | undefined {
  const { data } = msg
  const size = (msg as { size?(): number }).size?.() ?? 0
  const length = size - msg.subject.length - (msg.reply?.length ?? 0) - data.length
  const start = data.byteOffset - length
  if (length <= version.length || start < 0) return undefined
  const text = Buffer.from(data.buffer, start, length).toString('latin1')
  return text.startsWith(`${version}${lineEnd}`) && text.endsWith(lineEnd + lineEnd) ? text : undefined
}
