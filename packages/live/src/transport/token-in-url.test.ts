import { expect, test } from 'vitest'
import { hasTokenInUrl } from './token-in-url.ts'

test.each([
  '/trpc?token=1',
  '/trpc?connectionParams=1&access_token=x',
  '/trpc?Api-Key=x',
  '/trpc?jwt=x',
  `/trpc/follow?connectionParams=${encodeURIComponent('{"Authorization":"Bearer x"}')}`,
])('%s carries a credential', (url) => expect(hasTokenInUrl(url)).toBe(true))

test.each([
  '/trpc',
  '/trpc?connectionParams=1',
  '/trpc?key=order-7&tab=tokens&input=%7B%22token%22%3A1%7D',
  `/trpc?connectionParams=${encodeURIComponent('{"tab":"1"}')}`,
  '/trpc?connectionParams={',
  '//',
  '//x?a',
  '/%?%=%',
])('%s does not', (url) => expect(hasTokenInUrl(url)).toBe(false))
