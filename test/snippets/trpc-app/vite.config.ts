const target = `http://localhost:${process.env.PORT ?? 3000}`

export default { server: { proxy: { '/trpc': { target, ws: true } } } }
