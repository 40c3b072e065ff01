// Package identity says who somebody is and what they may do in a room.
package identity
