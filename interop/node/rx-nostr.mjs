import { seckeySigner, verifier } from '@rx-nostr/crypto'
import { createRxForwardReq, createRxNostr, createRxOneshotReq } from 'rx-nostr'
import WebSocket from 'ws'

export class Client {
  constructor({ url, key, auth }) {
    this.rx = createRxNostr({
      verifier,
      signer: seckeySigner(key),
      authenticator: auth ? 'auto' : undefined,
      connectionStrategy: 'aggressive',
      retry: { strategy: 'linear', maxCount: 100, interval: 100 }, // milliseconds
      websocketCtor: WebSocket,
    })
    this.url = url
  }

  open() {
    return new Promise((resolve) => {
      this.rx.createConnectionStateObservable().subscribe(({ state }) => state === 'connected' && resolve())
      this.rx.setDefaultRelays([this.url])
    })
  }

  // The event that was signed is in what is sent, not in what is answered.
  publish(template) {
    return new Promise((resolve, reject) => {
      let event
      const sent = this.rx.createOutgoingMessageObservable().subscribe(({ message }) => {
        if (message[0] === 'EVENT') event = message[1]
      })
      this.rx.send(template, { errorOnTimeout: true }).subscribe({
        next: ({ ok, notice, done }) => {
          if (!done) return // until it has authenticated
          if (ok) resolve(event)
          else reject(new Error(notice))
        },
        error: reject,
      }).add(() => sent.unsubscribe())
    })
  }

  subscribe(filter, onevent, oneose) {
    const req = createRxForwardReq()
    this.rx.use(req).subscribe(({ event }) => onevent(event))
    this.rx.createAllMessageObservable().subscribe(({ type, subId }) => {
      if (type === 'EOSE' && subId.startsWith(req.rxReqId)) oneose() // not told by use()
    })
    req.emit(filter)
  }

  fetch(filter) {
    return new Promise((resolve, reject) => {
      const events = []
      this.rx.use(createRxOneshotReq({ filters: filter })).subscribe({
        next: ({ event }) => events.push(event),
        complete: () => resolve(events),
        error: reject,
      })
    })
  }
}
