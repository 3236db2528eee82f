import { maskPassword } from '@commitcast/worker'
import { z } from 'zod'
import { InvalidConfig } from './invalid-config.ts'

/**
 * Reads a process's configuration from environment variables, each a key of `shape`. An empty variable counts as absent.
 * Throws `InvalidConfig` that names every wrong variable, its value and how to fix it.
 */
export function readConfig<TShape extends z.ZodRawShape>(
  shape: TShape,
  env: Readonly<Record<string, string | undefined>> = process.env,
): z.output<z.ZodObject<TShape>> {
  const given = Object.fromEntries(Object.keys(shape).map((name) => [name, env[name] === '' ? undefined : env[name]]))
  const result = z.object(shape).safeParse(given)
  if (result.success) return result.data
  throw new InvalidConfig(result.error.issues.map((issue) => describe(issue, given)).join('\n'))
}

function describe(issue: z.core.$ZodIssue, given: Record<string, string | undefined>): string {
  const name = String(issue.path[0])
  const value = given[name]
  const found = value === undefined ? 'is not set' : `is ${JSON.stringify(maskPassword(value))}`
  return `${name} ${found}: ${issue.message}`
}

/** Variable kinds that all our processes share, with messages that say how to fix a wrong one. */
export const variable = {
  port: (fallback: number) =>
    z.coerce
      .number({ error: `set it to a port number from 0 (any free one) to 65535, for example ${fallback}` })
      .int(`set it to a port number from 0 (any free one) to 65535, for example ${fallback}`)
      .min(0, `set it to a port number from 0 (any free one) to 65535, for example ${fallback}`)
      .max(65535, `set it to a port number from 0 (any free one) to 65535, for example ${fallback}`)
      .default(fallback),
  url: (protocols: readonly string[], example: string) =>
    z.string({ error: `set it to an address like ${example}` }).refine((text) => hasProtocol(text, protocols), {
      error: `set it to an address like ${example}`,
    }),
  host: () => z.string().default('127.0.0.1'),
}

function hasProtocol(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol.replace(/:$/, ''))
}
