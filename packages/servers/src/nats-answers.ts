import { connect } from 'node:net'
import { withTimeout } from '@commitcast/worker'
import { z } from 'zod'

const answerMs = 2_000
const longestInfo = 64 * 1024
const info = z.object({ server_name: z.string().optional(), jetstream: z.boolean().default(false) })

export interface Expected {
  /** The server's own name. Default: any. */
  readonly name?: string
  /** Whether JetStream must be on. Default yes. */
  readonly jetstream?: boolean
}

/** Resolves when the server at `url` introduces itself as expected. */
export async function natsAnswers(url: string, expected: Expected = {}): Promise<void> {
  const { name, jetstream: isNeeded = true } = expected
  const { hostname, port } = new URL(url)
  const about = await withTimeout(() => firstLine(hostname, Number(port || 4222)), {
    ms: answerMs,
    what: `an answer from ${hostname}`,
  })
  const { server_name, jetstream } = info.parse(JSON.parse(about.replace(/^INFO /, '')))
  if (name !== undefined && server_name !== name)
    throw new Error(`another NATS server answers at ${url}: ${server_name}`)
  if (isNeeded && !jetstream) throw new Error(`the NATS server at ${url} runs without JetStream: start it with -js`)
}

/** A NATS server speaks first: one line, `INFO {…}`. */
async function firstLine(host: string, port: number): Promise<string> {
  const socket = connect({ host, port, timeout: answerMs })
  socket.once('timeout', () => socket.destroy(new Error(`no answer from ${host}:${port}`)))
  socket.setEncoding('utf8')
  let text = ''
  try {
    for await (const part of socket) {
      text += part
      const end = text.indexOf('\r\n')
      if (end >= 0) return text.slice(0, end)
      if (text.length > longestInfo) break
    }
    throw new Error(`no NATS server answers at ${host}:${port}`)
  } finally {
    socket.destroy()
  }
}
