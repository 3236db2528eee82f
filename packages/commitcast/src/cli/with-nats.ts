import { InvalidConfig } from '../process/invalid-config.ts'

/** Loads what needs the `nats` package, which an application without NATS need not have. */
export async function withNats<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new InvalidConfig('NATS_URL, or --nats, is given and the package "nats" is not there: npm install nats@2')
  }
}
