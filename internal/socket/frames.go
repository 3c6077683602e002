package socket

// frames follows the frames of a stream as they pass (RFC 6455, 5.2), whatever
// the pieces they come in: so a peer that has nothing to say is told from one that
// has stopped, or dawdles, in the middle of a message.
type frames struct {
	left  uint64 // bytes of the frame's payload that are still to come
	count uint32 // how often the stream has come to a point between messages

	seen     uint8 // bytes of the frame's header that have passed
	size     uint8 // of all of it, as far as is known
	extended uint8 // bytes of an extended length in it: 0, 2 or 8
	kind     byte  // its first byte: fin, opcode
	open     bool  // a message has begun, and its last frame has not passed
}

// inside tells whether the stream has stopped within a frame, or between the
// fragments of a message.
func (f *frames) inside() bool { return f.seen > 0 || f.open }

func (f *frames) pass(p []byte) {
	for len(p) > 0 {
		if f.seen > 0 && f.seen == f.size {
			n := min(f.left, uint64(len(p)))
			f.left -= n
			p = p[n:]
		} else {
			f.header(p[0])
			p = p[1:]
		}
		if f.seen == f.size && f.left == 0 {
			f.end()
		}
	}
}

func (f *frames) header(b byte) {
	f.seen++
	switch {
	case f.seen == 1:
		f.kind, f.size, f.extended = b, 2, 0
	case f.seen == 2:
		switch f.left = uint64(b & 0x7f); f.left {
		case 126:
			f.left, f.extended = 0, 2
		case 127:
			f.left, f.extended = 0, 8
		}
		f.size += f.extended
		if b&0x80 != 0 { // masked, as a server's frames should not be
			f.size += 4
		}
	case f.seen <= 2+f.extended:
		f.left = f.left<<8 | uint64(b)
	}
}

// end is the end of a frame. One of control says nothing of the message around it.
func (f *frames) end() {
	f.seen = 0
	if f.kind&0x08 == 0 {
		f.open = f.kind&0x80 == 0
	}
	if !f.open {
		f.count++
	}
}
