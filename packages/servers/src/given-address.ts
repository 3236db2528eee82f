import { type Server, serverOf } from './server.ts'

/** Somebody else's server at an address from the environment. It must answer now; it can't be ended or frozen. */
export async function givenAddress(
  variable: 'TEST_POSTGRES_URL' | 'TEST_NATS_URL',
  url: string,
  answers: (url: string) => Promise<void>,
): Promise<Server> {
  await answers(url).catch((cause: Error) => {
    throw new Error(
      `The server named by ${variable} does not answer: ${cause.message}. Start it, or unset ${variable}.`,
      {
        cause,
      },
    )
  })
  const refuse = (verb: string) => async (): Promise<void> => {
    throw new Error(`Cannot ${verb} the server at the address from ${variable}: it is not ours. Unset ${variable}.`)
  }
  return serverOf(
    { url, origin: `address from ${variable}` },
    {
      stop: async () => {},
      halt: refuse('halt'),
      kill: refuse('kill'),
      restart: refuse('restart'),
      pause: refuse('pause'),
      resume: refuse('resume'),
    },
  )
}
