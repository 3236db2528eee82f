import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { withTimeout } from '@commitcast/worker'
import type { ContainerRuntimeClient } from 'testcontainers'
import type { NotHere } from '../server-unavailable.ts'

export interface ImageWish {
  readonly image: string
  /** Whether the image may be fetched when the engine does not have it. */
  readonly mayPull: boolean
}

const answerMs = 2_000

/** The Docker engine of this machine when it answers at once and has the image, or may fetch it. */
export async function dockerEngine({ image, mayPull }: ImageWish): Promise<ContainerRuntimeClient | NotHere> {
  const engine = await findEngine()
  if (engine === undefined) {
    return { because: 'no Docker engine answers', remedy: `Start Docker and run: docker pull ${image}` }
  }
  const { ImageName } = await import('testcontainers')
  const look = () => engine.image.exists(ImageName.fromString(image))
  if (mayPull || (await withTimeout(look, { ms: answerMs, what: 'a look for the image' }))) {
    return engine
  }
  return { because: 'Docker does not have the image', remedy: `Run: docker pull ${image}` }
}

/**
 * The Docker engine of this machine when it answers at once. Testcontainers takes most of a second to load, so it is
 * left alone where no engine can be.
 */
export async function findEngine(): Promise<ContainerRuntimeClient | undefined> {
  if (!process.env.DOCKER_HOST && !traces().some(existsSync)) return undefined
  const { getContainerRuntimeClient } = await import('testcontainers')
  return withTimeout(getContainerRuntimeClient, { ms: answerMs, what: 'an answer of Docker' }).catch(() => undefined)
}

/** The files of which testcontainers needs one to find an engine without DOCKER_HOST. */
function traces(): string[] {
  const home = homedir()
  return [
    '/var/run/docker.sock',
    '//./pipe/docker_engine',
    join(home, '.testcontainers.properties'),
    join(home, '.docker', 'run', 'docker.sock'),
    join(home, '.docker', 'desktop', 'docker.sock'),
    join(process.env.XDG_RUNTIME_DIR ?? `/run/user/${process.getuid?.()}`, 'docker.sock'),
  ]
}
