package outcome_test

import (
	"time"

	"github.com/gennostr/gennostr/internal/outcome"
	"github.com/gennostr/gennostr/nostr"
)

var start = time.Unix(1_750_000_000, 0)

func id(n int) nostr.ID         { return nostr.ID{0: byte(n), 1: byte(n >> 8), 31: 1} }
func author(n int) nostr.PubKey { return nostr.PubKey{0: byte(n), 31: 1} }

// sends and tells are what steps say.
func sends(steps []outcome.Step[string]) (ids []nostr.ID) {
	for _, s := range steps {
		if s.Do == outcome.Send {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

func auths(steps []outcome.Step[string]) (ids []nostr.ID) {
	for _, s := range steps {
		if s.Do == outcome.Auth {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

func tells(steps []outcome.Step[string]) map[string]outcome.Report {
	told := make(map[string]outcome.Report)
	for _, s := range steps {
		if s.Do == outcome.Tell {
			told[s.Key] = s.Report
		}
	}
	return told
}
