import { findEngine } from './container/docker-engine.ts'

/** Whether a Docker engine answers on this machine within 2 s: what tests ask before they leave containers out. */
export async function hasDocker(): Promise<boolean> {
  return (await findEngine()) !== undefined
}
