package gennostr_test

import (
	"testing"

	"github.com/gennostr/gennostr/test/kit"
)

// What this package's tests take from test/kit, by short names.

type (
	asked      = kit.Asked
	bot        = kit.Bot
	counting   = kit.Counting
	journal    = kit.Journal
	judge      = kit.Judge
	note       = kit.Note
	recorder   = kit.Recorder
	stage      = kit.Stage
	writerFunc = kit.WriterFunc
)

const stageURL = kit.StageURL

var (
	silent = kit.Silent

	// Clients.
	launch  = kit.Launch
	newBot  = kit.NewBot
	onStage = kit.OnStage
	over    = kit.Over
	quietly = kit.Quietly
	sleeper = kit.Sleeper
	start   = kit.Start

	// Time.
	bubble  = kit.Bubble
	closed  = kit.Closed
	heap    = kit.Heap
	virtual = kit.Virtual

	// Messages and events.
	eventFrame = kit.EventFrame
	everything = kit.Everything
	forge      = kit.Forge
	normal     = kit.Normal
	ofKind     = kit.OfKind
	request    = kit.Request
	streamer   = kit.Streamer
	textNotes  = kit.TextNotes
	unproven   = kit.Unproven

	// What has been noted.
	contents = kit.Contents
	grammar  = kit.Grammar
	lastOpen = kit.LastOpen
	namesOf  = kit.NamesOf
	ofRelay  = kit.OfRelay
	reasonOf = kit.ReasonOf
	sameEnd  = kit.SameEnd

	// Relays on a socket.
	rawRelay = kit.RawRelay
	says     = kit.Says
	upgrade  = kit.Upgrade
)

func within[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	return kit.Within(t, what, c)
}
