// Package pack decides which asks share a REQ on one connection. A relay serves
// only so many REQs at a time; where there are more asks than that, they are packed,
// so that nobody is deaf for want of a slot (DESIGN 5).
//
// An ask is one filter that is to be open. A live one stays open until it is removed;
// one that is asked once (a page) is over with its EOSE. While there is room, the asks
// of a group have a REQ of their own. A tenth of the room, one REQ at least, is the
// reserve, for pages, for what waits and for handing over. When all else is taken,
// packs are made of REQs that are caught up, the ones that have been moved least first:
// so an ask is moved O(log n) times, however many come after it.
//
// What is caught up stays so while it is moved: a pack is opened with the asks' Moved
// filters, and only its EOSE closes what it takes over. Where no slot is free for that,
// the pack is opened under the id of one of the REQs that it takes over, as a
// replacement (P13). Only a REQ that has had its EOSE is replaced or taken over, so an
// EOSE always means one thing.
//
// A CLOSED of a REQ with several filters is nobody's fault until it is known whose: its
// asks are under suspicion and come back in REQs of at most half as many, until one is
// refused alone: that one is guilty. What a relay has taken for a while is free of
// suspicion.
//
// A REQ that the relay never answers keeps its slot, and hands nothing over, until the
// owner gives it up (Refused). An owner forgets what it knows of a REQ at its CLOSED: the
// EOSE of a replacement that crossed with it may follow, and counts for nobody.
//
// There is no goroutine, no lock and no clock here. The owner serialises, hands the time
// in, and calls Do after everything else: only Do says what is to be sent.
package pack
