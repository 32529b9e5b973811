"""Formats of Prisma Cloud (Twistlock)."""
