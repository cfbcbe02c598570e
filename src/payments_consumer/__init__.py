"""Payments' side of the fan-out: may this customer pay?"""
