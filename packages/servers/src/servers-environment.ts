import { z } from 'zod'

const address = (...protocols: string[]) =>
  z.string().refine((value) => protocols.includes(protocolOf(value)), {
    error: `give an address that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  })

const variables = z.object({
  TEST_SERVERS: z.enum(['container', 'local'], { error: 'give container or local, or leave it out' }).optional(),
  TEST_POSTGRES_URL: address('postgres:', 'postgresql:').optional(),
  TEST_NATS_URL: address('nats:', 'tls:').optional(),
  POSTGRES_IMAGE: z.string().default('postgres:18-alpine'),
  NATS_IMAGE: z.string().default('nats:2.11-alpine'),
  POSTGRES_BIN_DIR: z.string().optional(),
  NATS_SERVER_BIN: z.string().optional(),
})

/** The environment variables that choose servers, checked. An empty variable counts as left out. */
export type ServersEnvironment = z.infer<typeof variables>

/** Reads the variables that choose servers. Throws an error that names each bad one, what it holds and what is allowed. */
export function readServersEnvironment(env: NodeJS.ProcessEnv = process.env): ServersEnvironment {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const read = variables.safeParse(given)
  if (read.success) return read.data
  const faults = read.error.issues.map(({ path, message }) => {
    const name = String(path[0])
    return `${name} is ${JSON.stringify(withoutPassword(given[name] ?? ''))}: ${message}.`
  })
  throw new Error(faults.join('\n'))
}

function protocolOf(value: string): string {
  return URL.canParse(value) ? new URL(value).protocol : ''
}

function withoutPassword(value: string): string {
  return value.replace(/:[^:@/]*@/, ':***@')
}
