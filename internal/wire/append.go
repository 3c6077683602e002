package wire

import (
	"encoding/hex"
	"strconv"

	"github.com/gennostr/gennostr/internal/strictjson"
	"github.com/gennostr/gennostr/nostr"
)

// AppendJSON appends ["EVENT",id,event].
func (m Event) AppendJSON(dst []byte) []byte {
	return append(appendEvent(appendNext(open(dst, verbEvent), m.SubscriptionID), m.Event), ']')
}

// AppendJSON appends ["OK",id,accepted,message].
func (m OK) AppendJSON(dst []byte) []byte {
	dst = append(open(dst, verbOK), ',', '"')
	dst = append(hex.AppendEncode(dst, m.EventID[:]), '"', ',')
	return append(appendNext(strconv.AppendBool(dst, m.Accepted), m.Message), ']')
}

// AppendJSON appends ["EOSE",id], with a third element if Hints is not nil (NIP-67).
func (m EOSE) AppendJSON(dst []byte) []byte {
	dst = appendNext(open(dst, verbEOSE), m.SubscriptionID)
	if m.Hints == nil {
		return append(dst, ']')
	}
	dst = append(dst, ',', '[')
	for i, hint := range m.Hints {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strictjson.AppendQuote(dst, hint)
	}
	return append(dst, ']', ']')
}

// AppendJSON appends ["CLOSED",id,message].
func (m Closed) AppendJSON(dst []byte) []byte {
	return append(appendNext(appendNext(open(dst, verbClosed), m.SubscriptionID), m.Message), ']')
}

// AppendJSON appends ["NOTICE",message].
func (m Notice) AppendJSON(dst []byte) []byte {
	return append(appendNext(open(dst, verbNotice), m.Message), ']')
}

// AppendJSON appends ["AUTH",challenge].
func (m AuthChallenge) AppendJSON(dst []byte) []byte {
	return append(appendNext(open(dst, verbAuth), m.Challenge), ']')
}

// AppendJSON appends ["COUNT",id,{"count":n}], with the other two keys if they say something.
func (m Count) AppendJSON(dst []byte) []byte {
	dst = append(appendNext(open(dst, verbCount), m.SubscriptionID), `,{"count":`...)
	dst = strconv.AppendInt(dst, m.Count, 10)
	if m.Approximate {
		dst = append(dst, `,"approximate":true`...)
	}
	if m.HLL != nil {
		dst = append(dst, `,"hll":"`...)
		dst = append(hex.AppendEncode(dst, m.HLL), '"')
	}
	return append(dst, '}', ']')
}

// AppendJSON appends ["NEG-ERR",id,reason], with Max as a fourth element unless it is 0.
func (m NegErr) AppendJSON(dst []byte) []byte {
	dst = appendNext(appendNext(open(dst, verbNegErr), m.SubscriptionID), m.Reason)
	if m.Max != 0 {
		dst = strconv.AppendInt(append(dst, ','), m.Max, 10)
	}
	return append(dst, ']')
}

// AppendJSON appends ["NEG-MSG",id,payload].
func (m NegMsg) AppendJSON(dst []byte) []byte {
	return append(appendHex(appendNext(open(dst, verbNegMsg), m.SubscriptionID), m.Payload), ']')
}

// AppendJSON appends Raw, or an array of the verb alone if there is none.
func (m Unknown) AppendJSON(dst []byte) []byte {
	if m.Raw == nil {
		return append(open(dst, m.Name), ']')
	}
	return append(dst, m.Raw...)
}

// AppendJSON appends ["EVENT",event].
func (m Publish) AppendJSON(dst []byte) []byte {
	return append(appendEvent(open(dst, verbEvent), m.Event), ']')
}

// AppendJSON appends ["REQ",id,filter…].
func (m Req) AppendJSON(dst []byte) []byte {
	return appendRequest(dst, verbReq, m.SubscriptionID, m.Filters)
}

// AppendJSON appends ["CLOSE",id].
func (m Close) AppendJSON(dst []byte) []byte {
	return append(appendNext(open(dst, verbClose), m.SubscriptionID), ']')
}

// AppendJSON appends ["AUTH",event].
func (m Auth) AppendJSON(dst []byte) []byte {
	return append(appendEvent(open(dst, verbAuth), m.Event), ']')
}

// AppendJSON appends ["COUNT",id,filter…].
func (m CountReq) AppendJSON(dst []byte) []byte {
	return appendRequest(dst, verbCount, m.SubscriptionID, m.Filters)
}

// AppendJSON appends ["NEG-OPEN",id,filter,payload].
func (m NegOpen) AppendJSON(dst []byte) []byte {
	dst = append(appendNext(open(dst, verbNegOpen), m.SubscriptionID), ',')
	return append(appendHex(m.Filter.AppendJSON(dst), m.Payload), ']')
}

// AppendJSON appends ["NEG-CLOSE",id].
func (m NegClose) AppendJSON(dst []byte) []byte {
	return append(appendNext(open(dst, verbNegClose), m.SubscriptionID), ']')
}

// open appends the start of a frame, up to its verb.
func open(dst []byte, verb string) []byte {
	return strictjson.AppendQuote(append(dst, '['), verb)
}

// appendNext appends a further element, a string.
func appendNext(dst []byte, s string) []byte {
	return strictjson.AppendQuote(append(dst, ','), s)
}

func appendHex(dst, payload []byte) []byte {
	return append(hex.AppendEncode(append(dst, ',', '"'), payload), '"')
}

func appendEvent(dst []byte, ev *nostr.Event) []byte {
	dst = append(dst, ',')
	if ev == nil {
		return append(dst, "null"...) // refused by every parser, but no panic
	}
	return ev.AppendJSON(dst)
}

func appendRequest(dst []byte, verb, id string, filters []nostr.Filter) []byte {
	dst = appendNext(open(dst, verb), id)
	for i := range filters {
		dst = filters[i].AppendJSON(append(dst, ','))
	}
	return append(dst, ']')
}
