package main

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strconv"

	"github.com/coder/websocket"

	"github.com/gennostr/gennostr/nostr"
)

// Live events, sent as a relay sends them that has several REQs open on a connection:
// each once for every REQ that one of its filters is for.

// openReq is one of them.
type openReq struct {
	id      string
	filters nostr.Filters
}

// live takes so many REQs at a time, as its NIP-11 document says, of which each has its
// EOSE at once, and refuses further ones. A COUNT has it send all events.
func (r *replay) live(ctx context.Context, ws *websocket.Conn, slots int) error {
	var open []openReq
	at := func(id string) int { return slices.IndexFunc(open, func(o openReq) bool { return o.id == id }) }
	for {
		_, data, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		var msg []json.RawMessage
		var verb, id string
		if json.Unmarshal(data, &msg) != nil || len(msg) < 2 || json.Unmarshal(msg[0], &verb) != nil || json.Unmarshal(msg[1], &id) != nil {
			continue
		}
		reply := `["EOSE",` + strconv.Quote(id) + `]`
		switch i := at(id); {
		case verb == "COUNT":
			if err := r.publish(ctx, open); err != nil {
				return err
			}
			continue
		case verb == "CLOSE" && i >= 0:
			open = slices.Delete(open, i, i+1)
			continue
		case verb != "REQ":
			continue
		case i >= 0:
			open[i].filters = filtersOf(msg[2:])
		case len(open) >= slots:
			reply = `["CLOSED",` + strconv.Quote(id) + `,"error: too many concurrent REQs"]`
		default:
			open = append(open, openReq{id, filtersOf(msg[2:])})
		}
		if err := ws.Write(ctx, websocket.MessageText, []byte(reply)); err != nil {
			return err
		}
	}
}

func filtersOf(raw []json.RawMessage) (list nostr.Filters) {
	for _, one := range raw {
		var f nostr.Filter
		if json.Unmarshal(one, &f) == nil {
			list = append(list, f)
		}
	}
	return list
}

// publish sends every event to every REQ that asks for it.
func (r *replay) publish(ctx context.Context, open []openReq) error {
	conn := ctx.Value(connKey{}).(net.Conn)
	wire := make([]byte, 0, 256<<10)
	for _, event := range r.events {
		var e nostr.Event
		if err := json.Unmarshal(event, &e); err != nil {
			return err
		}
		for _, o := range open {
			if !o.filters.Matches(&e) {
				continue
			}
			wire = appendHeader(wire, opText, len(`["EVENT",""`)+len(o.id)+1+len(event)+1)
			wire = append(append(append(append(append(wire, `["EVENT","`...), o.id...), `",`...), event...), ']')
			if len(wire) > 200<<10 {
				if _, err := conn.Write(wire); err != nil {
					return err
				}
				wire = wire[:0]
			}
		}
	}
	_, err := conn.Write(wire)
	return err
}
