import { invalidAddress } from '../address.ts'

/** Options of `connect`. Said without the types of the `nats` package, which not everyone has who imports this. */
interface NatsAddress {
  readonly servers: string[]
  readonly user?: string
  readonly pass?: string
  readonly token?: string
  readonly tls?: object
}

const example = 'nats://127.0.0.1:4222'

/**
 * Reads `nats://user:password@host:4222`, or `nats://token@host:4222`, because the `nats` package passes over all of an
 * address but host and port. Throws `InvalidAddress`.
 */
export function readNatsAddress(servers: string | readonly string[]): NatsAddress {
  const list = typeof servers === 'string' ? servers.split(',') : (servers ?? [])
  const addresses = (list.length === 0 ? [''] : list).map((text) => readOne(String(text).trim()))
  const named = addresses.find(({ user }) => user !== undefined)
  return {
    servers: addresses.map(({ host }) => host),
    ...(named && toCredentials(named)),
    ...(addresses.some(({ isTls }) => isTls) && { tls: {} }),
  }
}

function readOne(text: string) {
  const address = text.includes('://') ? text : `nats://${text}`
  const { protocol, host, username, password } = URL.canParse(address) ? new URL(address) : new URL('none://')
  if (!['nats:', 'tls:'].includes(protocol) || host === '') throw invalidAddress(text, { example })
  try {
    const isPair = /:\/\/[^/@]*:[^/]*@/.test(address)
    return {
      host,
      isTls: protocol === 'tls:',
      user: username || isPair ? decodeURIComponent(username) : undefined,
      password: isPair ? decodeURIComponent(password) : undefined,
    }
  } catch (cause) {
    throw invalidAddress(text, { example, cause })
  }
}

/** What stands alone before the `@` is a token. */
function toCredentials({
  user = '',
  password,
}: ReturnType<typeof readOne>): Pick<NatsAddress, 'user' | 'pass' | 'token'> {
  return password === undefined ? { token: user } : { user, pass: password }
}
