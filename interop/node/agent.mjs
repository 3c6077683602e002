// Runs one client for a test in Go: `node agent.mjs nostr-tools`. Requests come as lines of
// JSON on the standard input, {"id":1,"do":"publish","with":…}; answers go to the standard
// output, {"id":1,"value":…} or {"id":1,"error":"why"}, and what a subscription hears
// {"sub":"name","event":…} or {"sub":"name","eose":true}. It ends with its input.
import { createInterface } from 'node:readline'
import WebSocket from 'ws'

globalThis.WebSocket ??= WebSocket // which node 20 has not, and clients look for when loaded

const write = (line) => process.stdout.write(JSON.stringify(line) + '\n')
for (const level of ['log', 'info', 'warn', 'debug']) console[level] = console.error // libraries talk, too

const { Client } = await import(`./${process.argv[2]}.mjs`)
let client

const commands = {
  async open(options) {
    client = new Client(options)
    await client.open()
  },
  publish: (event) => client.publish(event),
  subscribe({ sub, filter }) {
    client.subscribe(filter, (event) => write({ sub, event }), () => write({ sub, eose: true }))
  },
  fetch: (filter) => client.fetch(filter),
  count: (filter) => client.count(filter),
  wrap: ({ to, text }) => client.wrap(to, text),
  unwrap: (event) => client.unwrap(event),
  encrypt: ({ to, text }) => client.encrypt(to, text),
  decrypt: ({ from, payload }) => client.decrypt(from, payload),
  encode: (entity) => client.encode(entity),
  decode: (text) => client.decode(text),
}

async function run({ id, do: name, with: argument }) {
  try {
    write({ id, value: (await commands[name](argument)) ?? null })
  } catch (e) {
    write({ id, error: String(e?.message ?? e) })
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => run(JSON.parse(line)))
  .on('close', () => process.exit(0))
write({ ready: process.versions.node })
