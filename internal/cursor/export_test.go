package cursor

import "encoding/binary"

// Text is the text of a payload, whatever it says, with the right checksum.
func Text(payload []byte) []byte {
	payload = binary.BigEndian.AppendUint32(append([]byte(nil), payload...), checksum(payload))
	return encoding.AppendEncode([]byte(version), payload)
}
