import { fileURLToPath } from 'node:url'
import { docker } from './docker.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tag = 'commitcast-bookshop:test'
let built: Promise<string> | undefined

/**
 * The image that `COMMITCAST_IMAGE` names, else this checkout's, built once by `docker build`: unlike testcontainers' own
 * builder it says why it failed. `NODE_IMAGE` and `NPM_CONFIG_REGISTRY` go into the build.
 */
export function builtImage(): Promise<string> {
  built ??= process.env.COMMITCAST_IMAGE ? Promise.resolve(process.env.COMMITCAST_IMAGE) : build()
  return built
}

async function build(): Promise<string> {
  const given = ['NODE_IMAGE', 'NPM_CONFIG_REGISTRY'].filter((name) => process.env[name])
  await docker(['build', '--tag', tag, ...given.flatMap((name) => ['--build-arg', name]), root])
  return tag
}
