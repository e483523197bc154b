"""Plates and streets as simple drawings."""

import cv2
import numpy as np


def draw_plate(frame, serial, left, top, width=150):
    """Draw a white plate with a dark serial, its state over it, at a place in a frame."""
    height = width // 2
    cv2.rectangle(frame, (left, top), (left + width, top + height), (235, 238, 240), -1)
    font, thickness = cv2.FONT_HERSHEY_DUPLEX, max(2, width // 60)
    (text_width, _), _ = cv2.getTextSize(serial, font, 1, thickness)
    scale = 0.86 * width / text_width
    at = (left + int(width * 0.07), top + int(height * 0.72))
    cv2.putText(frame, serial, at, font, scale, (90, 40, 30), thickness, cv2.LINE_AA)
    state_at = (left + int(width * 0.33), top + int(height * 0.24))
    cv2.putText(frame, "TEXAS", state_at, font, width / 400, (60, 60, 160), 1, cv2.LINE_AA)


def street():
    frame = np.full((540, 960, 3), (92, 96, 99), np.uint8)
    cv2.rectangle(frame, (120, 150), (840, 500), (60, 45, 40), -1)
    stamp = "2026-06-01 12:00:00"
    cv2.putText(frame, stamp, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    return frame
