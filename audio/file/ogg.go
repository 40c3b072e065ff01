// Ogg pages (RFC 3533 section 6): finding the packets in them, and making them.

package file

import (
	"encoding/binary"
	"errors"
	"io"
)

// A page is a header, a segment table, and the segments:
//
//	0  4 "OggS"
//	4  1 version, 0
//	5  1 flags
//	6  8 granule position; all ones when no packet ends on this page
//	14 4 serial number of the stream
//	18 4 sequence number of the page in its stream
//	22 4 CRC-32 of the page with these four bytes zero: polynomial 0x04c11db7,
//	     not reflected, starting at 0, not inverted
//	26 1 number of segments
//	27 n length of each segment; one of 255 continues the packet in the next
//	     segment, a shorter one ends it
//
// All numbers are little-endian.
const (
	oggHeader   = 27
	oggSegment  = 255                                            // longest segment, and most segments in a page
	oggMaxPage  = oggHeader + oggSegment + oggSegment*oggSegment // 65,307
	oggGranule  = 6
	oggSerial   = 14
	oggSequence = 18
	oggChecksum = 22
	oggCount    = 26
)

// Flags of a page.
const (
	oggContinued = 1 << iota // its first packet began on an earlier page
	oggFirst                 // first page of its stream
	oggLast                  // last page of its stream
)

// oggNoGranule is the granule position of a page on which no packet ends.
const oggNoGranule = ^uint64(0)

var oggTable = func() (t [256]uint32) {
	for i := range t {
		r := uint32(i) << 24
		for range 8 {
			if r&(1<<31) != 0 {
				r = r<<1 ^ 0x04c11db7
			} else {
				r <<= 1
			}
		}
		t[i] = r
	}
	return t
}()

// oggCRC is the checksum of a page whose checksum field is zero.
func oggCRC(page []byte) (sum uint32) {
	for _, b := range page {
		sum = sum<<8 ^ oggTable[byte(sum>>24)^b]
	}
	return sum
}

// oggPage is one page; the slices are valid until the next one is read.
type oggPage struct {
	flags    byte
	granule  uint64
	serial   uint32
	sequence uint32
	segments []byte
	body     []byte
}

// oggPages reads pages. It holds one page at a time.
type oggPages struct {
	r   io.Reader
	buf [oggMaxPage]byte
}

// next reads a page. The error is io.EOF only when the input ends before one begins.
func (p *oggPages) next() (oggPage, error) {
	head := p.buf[:oggHeader]
	if _, err := io.ReadFull(p.r, head); err == io.EOF {
		return oggPage{}, io.EOF
	} else if err != nil {
		return oggPage{}, cutOff(err)
	}
	if string(head[:5]) != "OggS\x00" {
		return oggPage{}, errors.New("the Ogg file is damaged: no page where one should begin")
	}
	count := int(head[oggCount])
	segments := p.buf[oggHeader:][:count]
	if _, err := io.ReadFull(p.r, segments); err != nil {
		return oggPage{}, cutOff(err)
	}
	size := 0
	for _, s := range segments {
		size += int(s)
	}
	body := p.buf[oggHeader+count:][:size]
	if _, err := io.ReadFull(p.r, body); err != nil {
		return oggPage{}, cutOff(err)
	}
	sum := binary.LittleEndian.Uint32(head[oggChecksum:])
	clear(head[oggChecksum:oggCount])
	if oggCRC(p.buf[:oggHeader+count+size]) != sum {
		return oggPage{}, errors.New("the Ogg file is damaged: a checksum is wrong")
	}
	return oggPage{
		flags:    head[5],
		granule:  binary.LittleEndian.Uint64(head[oggGranule:]),
		serial:   binary.LittleEndian.Uint32(head[oggSerial:]),
		sequence: binary.LittleEndian.Uint32(head[oggSequence:]),
		segments: segments,
		body:     body,
	}, nil
}

// oggPackets reads the packets of one stream; pages of others are passed over.
type oggPackets struct {
	pages  oggPages
	page   oggPage
	serial uint32
	next   uint32 // sequence number that the next page must have
	packet []byte // the packet being put together
}

// maxPacket bounds a packet that is kept: 48 Opus frames of at most 1275 bytes and
// their lengths (RFC 6716 section 3.4).
const maxPacket = 48 * (1275 + 2)

// begin finds the first packet of the first stream whose first packet wants it.
func (p *oggPackets) begin(want func(packet []byte) bool) ([]byte, error) {
	for {
		page, err := p.pages.next()
		if err != nil {
			return nil, cutOff(err)
		}
		if page.flags&oggFirst == 0 {
			// RFC 3533 section 4: the first pages of all streams come before any other.
			return nil, errors.New("the Ogg file holds no Opus stream")
		}
		if want(page.body) {
			p.page, p.serial, p.next = page, page.serial, page.sequence+1
			return p.read(maxPacket)
		}
	}
}

// read returns the next packet, valid until the next call. Of a packet longer than
// limit the first limit bytes are returned with errLongPacket. The error is io.EOF
// when the stream ends after a whole packet.
func (p *oggPackets) read(limit int) ([]byte, error) {
	p.packet = p.packet[:0]
	long := false
	for begun := false; ; begun = true {
		if err := p.turn(begun); err != nil {
			return nil, err
		}
		ended := false
		for !ended && len(p.page.segments) > 0 {
			n := int(p.page.segments[0])
			room := min(n, limit-len(p.packet))
			p.packet = append(p.packet, p.page.body[:room]...)
			long = long || room < n
			p.page.segments, p.page.body = p.page.segments[1:], p.page.body[n:]
			ended = n < oggSegment
		}
		if ended && long {
			return p.packet, errLongPacket
		}
		if ended {
			return p.packet, nil
		}
	}
}

var errLongPacket = errors.New("the Ogg file is damaged: a packet is too long")

// turn goes to the next page of the stream that holds anything, if this one is used up.
func (p *oggPackets) turn(inPacket bool) error {
	for len(p.page.segments) == 0 {
		if p.page.flags&oggLast != 0 {
			if inPacket {
				return cutOff(io.EOF)
			}
			return io.EOF
		}
		page, err := p.pages.next()
		if err == io.EOF && inPacket {
			return cutOff(err)
		}
		if err != nil {
			return err
		}
		if page.serial != p.serial {
			continue
		}
		if page.sequence != p.next {
			return errors.New("the Ogg file is damaged: a page is missing")
		}
		if continued := page.flags&oggContinued != 0; continued != inPacket && len(page.segments) > 0 {
			return errors.New("the Ogg file is damaged: a packet has no beginning or no end")
		}
		p.page = page
		p.next++
	}
	return nil
}

// oggWriter writes one stream, a page at a time and each in a single Write, so
// that a process killed at any instant leaves whole pages.
type oggWriter struct {
	w        io.Writer
	serial   uint32
	sequence uint32
	segments []byte
	body     []byte
	page     []byte
}

// add puts a packet on the current page and reports false if it has no room there.
// A packet that could not be on any page (over 65,024 bytes) is never added.
func (w *oggWriter) add(packet []byte) bool {
	whole := len(packet) / oggSegment
	if len(w.segments)+whole+1 > oggSegment {
		return false
	}
	for range whole {
		w.segments = append(w.segments, oggSegment)
	}
	w.segments = append(w.segments, byte(len(packet)%oggSegment))
	w.body = append(w.body, packet...)
	return true
}

// flush writes the current page, which ends at the granule position.
func (w *oggWriter) flush(flags byte, granule uint64) error {
	p := append(w.page[:0], "OggS\x00"...)
	p = append(p, flags)
	p = binary.LittleEndian.AppendUint64(p, granule)
	p = binary.LittleEndian.AppendUint32(p, w.serial)
	p = binary.LittleEndian.AppendUint32(p, w.sequence)
	p = append(p, 0, 0, 0, 0, byte(len(w.segments)))
	p = append(p, w.segments...)
	p = append(p, w.body...)
	binary.LittleEndian.PutUint32(p[oggChecksum:], oggCRC(p))
	w.page, w.segments, w.body = p, w.segments[:0], w.body[:0]
	w.sequence++
	_, err := w.w.Write(p)
	return err
}
