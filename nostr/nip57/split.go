package nip57

import (
	"math"
	"math/big"
	"strings"

	"github.com/gennostr/gennostr/internal/refs"
	"github.com/gennostr/gennostr/nostr"
)

// WeightOne is the Split.Weight of "1".
const WeightOne = 1_000_000

// A Split is one of those among whom a zap of an event is to be divided (NIP-57, Appendix G).
type Split struct {
	PubKey nostr.PubKey
	Relay  string // URL of a relay that has the receiver's profile, "" if there is no hint
	Weight uint64 // in millionths: "1.5" is 1,500,000; never 0
}

// Splits are all of them, each key once.
type Splits []Split

// ParseSplits returns among whom a zap of the event is to be divided, and false if the event does
// not say: then it is its author's.
//
// Weights are decimal numbers, of which more than six digits behind the point are dropped. If no
// tag has one, all are equal; if some have, those without get nothing, and neither do those whose
// weight is zero or no such number: with minus signs, exponents, more than nine digits before the
// point. A tag without a public key is ignored, among them the old form with a lightning address.
// Of a key that is there twice the weights are added, up to the largest number. When nobody is
// left, Splits is empty and the result is true: the author wants nothing for himself.
func ParseSplits(e *nostr.Event) (Splits, bool) {
	weighted, stated := false, false
	for t := range e.Tags.FindAll("zap") {
		stated = true
		if _, err := nostr.PubKeyFromHex(t.Value()); err == nil && len(t) > 3 && t[3] != "" {
			weighted = true
		}
	}
	splits, index := Splits{}, make(map[nostr.PubKey]int)
	for t := range e.Tags.FindAll("zap") {
		pk, err := nostr.PubKeyFromHex(t.Value())
		if err != nil || pk.IsZero() {
			continue
		}
		weight := uint64(WeightOne)
		if weighted {
			weight = 0
			if len(t) > 3 {
				weight = parseWeight(t[3])
			}
		}
		if weight == 0 {
			continue
		}
		i, known := index[pk]
		if !known {
			i = len(splits)
			index[pk] = i
			splits = append(splits, Split{PubKey: pk})
		}
		splits[i].Weight += min(weight, math.MaxUint64-splits[i].Weight) // a tag is below 2⁵⁰, but there may be any number of them
		if splits[i].Relay == "" {
			splits[i].Relay = nostr.RelayHint(refs.Third(t))
		}
	}
	return splits, stated
}

// parseWeight returns millionths, 0 for what is no weight.
func parseWeight(s string) uint64 {
	const places, most = 6, 9
	whole, fraction, point := strings.Cut(s, ".")
	if whole == "" || len(whole) > most || point && fraction == "" {
		return 0
	}
	if len(fraction) > places {
		if !isDigits(fraction) {
			return 0
		}
		fraction = fraction[:places]
	}
	digits := whole + fraction + strings.Repeat("0", places-len(fraction))
	if !isDigits(digits) {
		return 0
	}
	var n uint64
	for i := range len(digits) {
		n = 10*n + uint64(digits[i]-'0')
	}
	return n
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Divide returns what each gets of a total, in the total's unit and in the order of s. All of it
// is given away: what does not divide evenly goes to the first ones, one unit each. It returns
// nil if there is nobody to get anything, or nothing to get.
func (s Splits) Divide(total int64) []int64 {
	sum := new(big.Int)
	for _, split := range s {
		sum.Add(sum, new(big.Int).SetUint64(split.Weight))
	}
	if total <= 0 || sum.Sign() == 0 {
		return nil
	}
	parts := make([]int64, len(s))
	rest := total
	for i, split := range s {
		part := new(big.Int).SetUint64(split.Weight)
		part.Mul(part, big.NewInt(total)).Quo(part, sum) // at most total
		parts[i] = part.Int64()
		rest -= parts[i]
	}
	for i := 0; rest > 0; i++ { // fewer than there are receivers
		if s[i].Weight > 0 {
			parts[i]++
			rest--
		}
	}
	return parts
}
