import type { Message } from '@commitcast/events'

/** The header that holds a relay's token. No event has it: it is no name of theirs. */
const name = 'relay'

/** Makes the function that puts a token on messages. */
export function marker(token: string): (message: Message) => Message {
  const alone = Object.freeze({ [name]: token })
  return ({ offset, id, type, key, time, tx, headers, body }) => {
    const marked = isEmpty(headers) ? alone : { ...headers, [name]: token }
    return { offset, id, type, key, time, tx, headers: marked, body }
  }
}

/** The token on a message; `undefined` where there is none. */
export function tokenOf({ headers }: Message): string | undefined {
  return headers[name]
}

/** The message as it was before it was marked. */
export function withoutToken(message: Message): Message {
  if (message.headers[name] === undefined) return message
  const { offset, id, type, key, time, tx, body } = message
  const { [name]: _, ...headers } = message.headers
  return { offset, id, type, key, time, tx, headers, body }
}

function isEmpty(headers: object): boolean {
  for (const _ in headers) return false
  return true
}
